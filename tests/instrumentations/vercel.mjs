// Calls the Vercel AI SDK under its telemetry. `node vercel.mjs NODE_MODULES http://127.0.0.1:PORT NAME`
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , modules, address, name] = process.argv;
const found = createRequire(`${modules}/of-the-recorder.js`);
const load = (of) => import(pathToFileURL(found.resolve(of)).href);
const { OTLPTraceExporter } = await load("@opentelemetry/exporter-trace-otlp-proto");
const { BatchSpanProcessor, NodeTracerProvider } = await load("@opentelemetry/sdk-trace-node");
const { resourceFromAttributes } = await load("@opentelemetry/resources");
const { createOpenAI } = await load("@ai-sdk/openai");
const ai = await load("ai");
const { z } = await load("zod");

const exporter = new OTLPTraceExporter({ url: `${address}/v1/traces` });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": name }),
  spanProcessors: [new BatchSpanProcessor(exporter, { scheduledDelayMillis: 60000 })],
});
provider.register();
const telemetry = { isEnabled: true, functionId: "zoo", metadata: { sessionId: "session-1", userId: "user-1" } };
if (name === "vercel-v7") {
  const { OpenTelemetry } = await load("@ai-sdk/otel");
  ai.registerTelemetry(new OpenTelemetry());
}
const openai = createOpenAI({ baseURL: `${address}/v1`, apiKey: "x" });
const how = { experimental_telemetry: telemetry, telemetry, maxRetries: 0 };
const model = openai.chat("gpt-4o-mini");
const weather = ai.tool({
  description: "w",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Rain in ${city}`,
});
await ai.generateText({ model, system: "Be brief", instructions: "Be brief", prompt: "What is it?", ...how });
await ai.generateText({ model, prompt: "Weather?", tools: { weather }, stopWhen: ai.stepCountIs?.(3) ?? ai.isStepCount(3), ...how });
const streamed = ai.streamText({ model, prompt: "What is it?", ...how });
await streamed.text;
await ai.embed({ model: openai.embeddingModel?.("text-embedding-3-small") ?? openai.embedding("text-embedding-3-small"), value: "hello", ...how });
await ai.generateText({ model: openai.chat("broken"), prompt: "What is it?", ...how }).catch(() => undefined);
await provider.shutdown();
