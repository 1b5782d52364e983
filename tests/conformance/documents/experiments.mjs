// The snippets in TypeScript of the page on experiments, as @arizeai/ax-client 1.28 spells them.

import { createExperiment, getExperiment, listExperimentRuns } from "@arizeai/ax-client";

const given = JSON.parse(process.argv[2]);
const counted = { made: 0, passed: 0, names: [], failures: [] };

async function call(made, options) {
  counted.made += 1;
  counted.names.push(made.name);
  try {
    const result = await made(options);
    counted.passed += 1;
    return result;
  } catch (error) {
    counted.failures.push(`${made.name}: ${error}`);
    throw error;
  }
}

function check(fact, holds) {
  if (!holds) counted.failures.push(`not so: ${fact} (after ${counted.names.at(-1)})`);
}

async function page() {
  const experimentRuns = given.examples.map((exampleId, number) => ({ exampleId, output: `Answer ${number}` }));
  const made = await call(createExperiment, {
    experimentName: "from TypeScript",
    dataset: given.dataset,
    experimentRuns,
  });
  const byName = { experimentName: "by name", dataset: given.name, space: "default", experimentRuns };
  check("a name leads to the same dataset", (await call(createExperiment, byName)).datasetId === made.datasetId);
  const experiment = await call(getExperiment, { experiment: made.id });
  check("it is the one", experiment.id === made.id && experiment.name === "from TypeScript");
  const runs = await call(listExperimentRuns, { experiment: experiment.id, limit: 10 });
  const outputs = runs.data.map((run) => run.output).sort();
  check(`it has its runs, not ${outputs}`, outputs.join() === experimentRuns.map((run) => run.output).join());
}

await page().catch((error) => counted.failures.push(String(error)));
console.log(JSON.stringify(counted));
