CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE counters (
  kind VARCHAR NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (kind)
);
CREATE TABLE evals (
  scope_id VARCHAR NOT NULL,
  level VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  label VARCHAR,
  score FLOAT,
  explanation VARCHAR,
  made_by JSON NOT NULL,
  updated_ns INTEGER NOT NULL, checksum INTEGER, version_id VARCHAR DEFAULT '' NOT NULL, model VARCHAR DEFAULT '' NOT NULL,
  PRIMARY KEY (scope_id, level, target_id, name)
)
  WITHOUT ROWID;
CREATE TABLE integrations (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  name VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  base_url VARCHAR,
  secret_ref VARCHAR,
  model_names JSON NOT NULL,
  updated_ns INTEGER NOT NULL, headers JSON, function_calling BOOLEAN DEFAULT 1 NOT NULL, default_models BOOLEAN DEFAULT 1 NOT NULL, provider_metadata JSON,
  UNIQUE (id),
  UNIQUE (name)
);
CREATE TABLE spaces (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  name VARCHAR NOT NULL,
  UNIQUE (id),
  UNIQUE (name)
);
CREATE TABLE datasets (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  updated_ns INTEGER NOT NULL,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE evaluators (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  description VARCHAR,
  type VARCHAR NOT NULL,
  updated_ns INTEGER NOT NULL, last_number INTEGER DEFAULT 0 NOT NULL,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE projects (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE dataset_versions (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  dataset_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  updated_ns INTEGER NOT NULL,
  FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE,
  UNIQUE (id)
);
CREATE INDEX dataset_versions_of ON dataset_versions (dataset_id, n);
CREATE TABLE evaluator_versions (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  evaluator_id VARCHAR NOT NULL,
  commit_hash VARCHAR NOT NULL,
  commit_message VARCHAR NOT NULL,
  type VARCHAR NOT NULL,
  config JSON NOT NULL, checksum INTEGER, number INTEGER DEFAULT 0 NOT NULL,
  FOREIGN KEY(evaluator_id) REFERENCES evaluators (id) ON DELETE CASCADE,
  UNIQUE (id)
);
CREATE INDEX evaluator_versions_of ON evaluator_versions (evaluator_id, n);
CREATE TABLE experiments (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  dataset_id VARCHAR,
  dataset_version_id VARCHAR,
  name VARCHAR NOT NULL,
  updated_ns INTEGER NOT NULL, traces_project_id VARCHAR, unknown_runs INTEGER DEFAULT 0 NOT NULL,
  FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id)
);
CREATE UNIQUE INDEX experiments_name ON experiments (dataset_id, name);
CREATE TABLE spans (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  project_id VARCHAR NOT NULL,
  trace_id VARCHAR NOT NULL,
  span_id VARCHAR NOT NULL,
  parent_id VARCHAR,
  name VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  latency_ms FLOAT NOT NULL,
  status_code VARCHAR NOT NULL,
  status_message VARCHAR,
  session_id VARCHAR,
  model_name VARCHAR,
  attributes JSON NOT NULL,
  events JSON NOT NULL, changed_ns INTEGER, checksum INTEGER, user_id VARCHAR,
  FOREIGN KEY(project_id) REFERENCES projects (id),
  UNIQUE (project_id, span_id)
);
CREATE INDEX spans_by_time ON spans (project_id, start_ns, n);
CREATE TABLE tasks (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  type VARCHAR NOT NULL,
  project_id VARCHAR,
  dataset_id VARCHAR,
  experiment_ids JSON,
  sampling_rate FLOAT,
  is_continuous BOOLEAN NOT NULL,
  query_filter VARCHAR,
  evaluators JSON NOT NULL,
  last_run_ns INTEGER,
  updated_ns INTEGER NOT NULL, run_configuration JSON, query_filters JSON, max_cost FLOAT, spent FLOAT DEFAULT 0 NOT NULL, checksum INTEGER, on_too_long VARCHAR,
  FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE,
  FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE experiment_runs (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  experiment_id VARCHAR NOT NULL,
  example_id VARCHAR,
  data JSON NOT NULL, checksum INTEGER,
  FOREIGN KEY(experiment_id) REFERENCES experiments (id) ON DELETE CASCADE,
  UNIQUE (id)
);
CREATE INDEX experiment_runs_of ON experiment_runs (experiment_id, n);
CREATE TABLE task_runs (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  task_id VARCHAR NOT NULL,
  status VARCHAR NOT NULL,
  request JSON NOT NULL,
  data_start_ns INTEGER,
  data_end_ns INTEGER,
  started_ns INTEGER,
  finished_ns INTEGER,
  failure_reason VARCHAR,
  owner VARCHAR,
  heartbeat_ns INTEGER, after_n INTEGER, up_to_n INTEGER, experiment_id VARCHAR, fence INTEGER DEFAULT 0 NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL, "plan" JSON, max_rows INTEGER, max_cost FLOAT, beat INTEGER DEFAULT 0 NOT NULL, waits_for VARCHAR, closed_n INTEGER, at_limit BOOLEAN DEFAULT 0 NOT NULL, pending_rows INTEGER DEFAULT 0 NOT NULL, scored_rows INTEGER DEFAULT 0 NOT NULL, failed_rows INTEGER DEFAULT 0 NOT NULL, skipped_rows INTEGER DEFAULT 0 NOT NULL, on_too_long VARCHAR, outdated BOOLEAN DEFAULT 0 NOT NULL, pinned JSON,
  FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE,
  UNIQUE (id)
);
CREATE INDEX task_runs_by_status ON task_runs (status);
CREATE INDEX task_runs_of ON task_runs (task_id, n);
CREATE TABLE run_items (
  run_id VARCHAR NOT NULL,
  position INTEGER NOT NULL,
  evaluator_id VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  state VARCHAR NOT NULL,
  label VARCHAR,
  reason VARCHAR,
  detail VARCHAR, scope_id VARCHAR DEFAULT '' NOT NULL, prompt_tokens INTEGER, completion_tokens INTEGER, cost FLOAT, remembered BOOLEAN DEFAULT 0 NOT NULL, notes VARCHAR, checksum INTEGER,
  PRIMARY KEY (run_id, position, evaluator_id),
  FOREIGN KEY(run_id) REFERENCES task_runs (id) ON DELETE CASCADE
)
  WITHOUT ROWID;
CREATE INDEX run_items_by_state ON run_items (run_id, state);
CREATE TABLE annotations (
  scope_id VARCHAR NOT NULL,
  level VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  label VARCHAR,
  score FLOAT,
  text VARCHAR,
  annotator VARCHAR,
  updated_ns INTEGER NOT NULL, checksum INTEGER,
  PRIMARY KEY (scope_id, level, target_id, name)
)
  WITHOUT ROWID;
CREATE TABLE annotation_configs (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  type VARCHAR NOT NULL,
  config JSON NOT NULL,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE prompts (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  description VARCHAR,
  updated_ns INTEGER NOT NULL,
  FOREIGN KEY(space_id) REFERENCES spaces (id),
  UNIQUE (id),
  UNIQUE (space_id, name)
);
CREATE TABLE prompt_versions (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  prompt_id VARCHAR NOT NULL,
  commit_hash VARCHAR NOT NULL,
  commit_message VARCHAR NOT NULL,
  config JSON NOT NULL, checksum INTEGER,
  FOREIGN KEY(prompt_id) REFERENCES prompts (id) ON DELETE CASCADE,
  UNIQUE (id)
);
CREATE INDEX prompt_versions_of ON prompt_versions (prompt_id, n);
CREATE TABLE prompt_labels (
  prompt_id VARCHAR NOT NULL,
  label VARCHAR NOT NULL,
  version_id VARCHAR NOT NULL,
  PRIMARY KEY (prompt_id, label),
  FOREIGN KEY(prompt_id) REFERENCES prompts (id) ON DELETE CASCADE,
  FOREIGN KEY(version_id) REFERENCES prompt_versions (id) ON DELETE CASCADE
)
  WITHOUT ROWID;
CREATE INDEX prompt_labels_of ON prompt_labels (version_id);
CREATE TABLE schedules (
  task_id VARCHAR NOT NULL,
  cursor_n INTEGER NOT NULL,
  run_id VARCHAR,
  failures INTEGER NOT NULL,
  due_ns INTEGER NOT NULL, marks JSON, waits_for VARCHAR, owed_n INTEGER, owed_up_to_n INTEGER, owed_due_ns INTEGER, owed_failures INTEGER DEFAULT 0 NOT NULL, open_n INTEGER, at_limit BOOLEAN DEFAULT 0 NOT NULL,
  PRIMARY KEY (task_id),
  FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE
);
CREATE TABLE examples (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  version_id VARCHAR NOT NULL,
  data JSON NOT NULL,
  updated_ns INTEGER NOT NULL, checksum INTEGER,
  FOREIGN KEY(version_id) REFERENCES dataset_versions (id) ON DELETE CASCADE,
  UNIQUE (version_id, id)
);
CREATE INDEX examples_of ON examples (version_id, n);
CREATE INDEX examples_by_id ON examples (id);
CREATE TABLE answers (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "key" BLOB NOT NULL,
  label VARCHAR NOT NULL,
  score FLOAT,
  explanation VARCHAR,
  model VARCHAR,
  UNIQUE ("key")
);
CREATE INDEX spans_by_trace ON spans (project_id, trace_id, start_ns, n);
CREATE TRIGGER run_items_insert AFTER INSERT ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows + (NEW.state = 'PENDING'), scored_rows = scored_rows + (NEW.state = 'SCORED'), failed_rows = failed_rows + (NEW.state = 'FAILED'), skipped_rows = skipped_rows + (NEW.state = 'SKIPPED') WHERE id = NEW.run_id; END;
CREATE TRIGGER run_items_delete AFTER DELETE ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows - (OLD.state = 'PENDING'), scored_rows = scored_rows - (OLD.state = 'SCORED'), failed_rows = failed_rows - (OLD.state = 'FAILED'), skipped_rows = skipped_rows - (OLD.state = 'SKIPPED') WHERE id = OLD.run_id; END;
CREATE TRIGGER run_items_update AFTER UPDATE ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows + (NEW.state = 'PENDING') - (OLD.state = 'PENDING'), scored_rows = scored_rows + (NEW.state = 'SCORED') - (OLD.state = 'SCORED'), failed_rows = failed_rows + (NEW.state = 'FAILED') - (OLD.state = 'FAILED'), skipped_rows = skipped_rows + (NEW.state = 'SKIPPED') - (OLD.state = 'SKIPPED') WHERE id = NEW.run_id; END;
CREATE TABLE run_columns (
  experiment_id VARCHAR NOT NULL,
  last_n INTEGER NOT NULL,
  summary JSON NOT NULL,
  ns VARCHAR NOT NULL,
  example_ids VARCHAR NOT NULL,
  row_groups VARCHAR NOT NULL,
  FOREIGN KEY(experiment_id) REFERENCES experiments (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX run_columns_of ON run_columns (experiment_id, last_n);
CREATE TABLE log_events (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  span_id VARCHAR NOT NULL,
  trace_id VARCHAR NOT NULL,
  digest VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  time_ns INTEGER NOT NULL,
  attributes JSON NOT NULL,
  arrived_ns INTEGER NOT NULL,
  UNIQUE (span_id, trace_id, digest)
);
CREATE TABLE earlier_evals (
  scope_id VARCHAR NOT NULL,
  level VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  label VARCHAR,
  score FLOAT,
  explanation VARCHAR,
  made_by JSON NOT NULL,
  updated_ns INTEGER NOT NULL,
  checksum INTEGER,
  version_id VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  PRIMARY KEY (scope_id, level, target_id, name, version_id, model)
)
  WITHOUT ROWID;
CREATE TRIGGER evals_replaced AFTER UPDATE ON evals WHEN OLD.version_id <> NEW.version_id OR OLD.model <> NEW.model BEGIN DELETE FROM earlier_evals WHERE scope_id = NEW.scope_id AND level = NEW.level AND target_id = NEW.target_id AND name = NEW.name AND version_id = NEW.version_id AND model = NEW.model; DELETE FROM earlier_evals WHERE scope_id = OLD.scope_id AND level = OLD.level AND target_id = OLD.target_id AND name = OLD.name AND version_id = OLD.version_id AND model = OLD.model; INSERT INTO earlier_evals (scope_id, level, target_id, name, label, score, explanation, made_by, updated_ns, checksum, version_id, model) VALUES (OLD.scope_id, OLD.level, OLD.target_id, OLD.name, OLD.label, OLD.score, OLD.explanation, OLD.made_by, OLD.updated_ns, OLD.checksum, OLD.version_id, OLD.model); END;
CREATE TRIGGER evals_deleted AFTER DELETE ON evals BEGIN DELETE FROM earlier_evals WHERE scope_id = OLD.scope_id AND level = OLD.level AND target_id = OLD.target_id AND name = OLD.name; END;
CREATE TABLE annotation_queues (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  space_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  config JSON NOT NULL,
  UNIQUE (space_id, name),
  UNIQUE (id),
  FOREIGN KEY(space_id) REFERENCES spaces (id)
);
CREATE TABLE annotation_queue_records (
  n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  id VARCHAR NOT NULL,
  created_ns INTEGER NOT NULL,
  queue_id VARCHAR NOT NULL,
  level VARCHAR NOT NULL,
  scope_id VARCHAR NOT NULL,
  target_id VARCHAR NOT NULL,
  UNIQUE (id),
  FOREIGN KEY(queue_id) REFERENCES annotation_queues (id) ON DELETE CASCADE
);
CREATE INDEX annotation_queue_records_of ON annotation_queue_records (queue_id, n);
CREATE INDEX spans_by_session ON spans (project_id, session_id, start_ns) WHERE session_id IS NOT NULL;
CREATE INDEX spans_by_user ON spans (project_id, user_id, start_ns, n) WHERE user_id IS NOT NULL;
INSERT INTO alembic_version VALUES ('0032');
