"""Vertex AI: its OpenAI-compatible endpoint, with a token of the machine's Google credentials.

Base URL: `https://REGION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/REGION/endpoints/openapi`.
"""

from dataclasses import replace

from assaykit.judge.providers import cloud_signatures, openai

API = replace(openai.API, signer=cloud_signatures.google)
