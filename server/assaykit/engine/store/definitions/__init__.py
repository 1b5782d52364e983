"""Things that users create: spaces, projects, datasets, evaluators, tasks, prompts and integrations."""
