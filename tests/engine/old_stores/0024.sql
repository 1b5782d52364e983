BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0024');
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
 WITHOUT ROWID

;
CREATE TABLE answers (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	"key" BLOB NOT NULL, 
	label VARCHAR NOT NULL, 
	score FLOAT, 
	explanation VARCHAR, 
	model VARCHAR, 
	UNIQUE ("key")
);
INSERT INTO "answers" VALUES(1,X'69701392D54F96B30E14167FAB3CD070','mild',1.0,'As scripted.','judge-1');
INSERT INTO "answers" VALUES(2,X'DC4B13592CAF34F82831DFAA960DFCDF','mild',1.0,'As scripted.','judge-1');
INSERT INTO "answers" VALUES(3,X'F228432EC6062C62DE769C87E6A2B708','strict',0.0,'As scripted.','judge-2');
CREATE TABLE counters (
	kind VARCHAR NOT NULL, 
	last INTEGER NOT NULL, 
	PRIMARY KEY (kind)
);
INSERT INTO "counters" VALUES('Opening',3);
INSERT INTO "counters" VALUES('Space',1);
INSERT INTO "counters" VALUES('Model',1);
INSERT INTO "counters" VALUES('LlmIntegration',1);
INSERT INTO "counters" VALUES('Evaluator',5);
INSERT INTO "counters" VALUES('EvaluatorVersion',7);
INSERT INTO "counters" VALUES('OnlineTask',4);
INSERT INTO "counters" VALUES('TaskRun',5);
INSERT INTO "counters" VALUES('Dataset',1);
INSERT INTO "counters" VALUES('DatasetVersion',1);
INSERT INTO "counters" VALUES('Experiment',1);
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
INSERT INTO "dataset_versions" VALUES(1,'RGF0YXNldFZlcnNpb246MTpjZjg4',1795943083369168055,'RGF0YXNldDoxOjlmNmQ=','v1',1795943083369168055);
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
INSERT INTO "datasets" VALUES(1,'RGF0YXNldDoxOjlmNmQ=',1795943083355837378,'U3BhY2U6MTowNWIx','cases',1795943083355837378);
CREATE TABLE evals (
	scope_id VARCHAR NOT NULL, 
	level VARCHAR NOT NULL, 
	target_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	label VARCHAR, 
	score FLOAT, 
	explanation VARCHAR, 
	made_by JSON NOT NULL, 
	updated_ns INTEGER NOT NULL, checksum INTEGER, 
	PRIMARY KEY (scope_id, level, target_id, name)
)
 WITHOUT ROWID

;
INSERT INTO "evals" VALUES('RXhwZXJpbWVudDoxOjlmNDc=','RUN','01a2268c-b479-722e-8d6b-70eafa3e1091','rows','matches',1.0,'Found ''some''.','{"run_id":"VGFza1J1bjo1Ojc4ZmE=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo2OjA3MDQ="}',1795943085565160422,2619694396);
INSERT INTO "evals" VALUES('RXhwZXJpbWVudDoxOjlmNDc=','RUN','01a2268c-b479-722e-b2da-f453b47dbdfd','rows','no match',0.0,'Nothing matches ''^some$''.','{"run_id":"VGFza1J1bjo1Ojc4ZmE=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo2OjA3MDQ="}',1795943085565160422,3254898976);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','830faf0934f4f8e4','good','mild',NULL,NULL,'{}',1795943080916423407,2738655853);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','830faf0934f4f8e4','mine','x',NULL,NULL,'{}',1795943080916423407,29674260);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','997265a1a25aefc6','good','strict',0.0,'As scripted.','{"run_id":"VGFza1J1bjoyOmZjOGQ=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjoyOmFjOTk=","model":"judge-2","prompt_tokens":86,"completion_tokens":7}',1795943080558225650,2188096380);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','b9807785afee48bb','cites','matches',1.0,'Found ''[RET-2]''.','{"run_id":"VGFza1J1bjozOmIxZjQ=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjozOmZiYjE="}',1795943081418838588,2150833899);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','b9807785afee48bb','good','mild',1.0,'As scripted.','{"run_id":"VGFza1J1bjoxOmFmOTk=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjoxOmJlYTU=","model":"judge-1","prompt_tokens":87,"completion_tokens":7}',1795943079982170313,2321746747);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','cb73eeaed59c009d','cites','no match',0.0,'Nothing matches ''\\[[A-Z]+-\\d\\]''.','{"run_id":"VGFza1J1bjozOmIxZjQ=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjozOmZiYjE="}',1795943081418838588,3920596197);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','SPAN','cb73eeaed59c009d','good','mild',1.0,'As scripted.','{"run_id":"VGFza1J1bjoxOmFmOTk=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjoxOmJlYTU=","model":"judge-1","prompt_tokens":87,"completion_tokens":7}',1795943080033843756,833123549);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','TRACE','18ac3e7343f016890c510e93f9352611','whole','no match',0.0,'Nothing matches ''See''.','{"run_id":"VGFza1J1bjo0OmJiYzA=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=","spans_up_to":4}',1795943083067863064,89120935);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','TRACE','2e7d2c03a9507ae265ecf5b5356885a5','whole','no match',0.0,'Nothing matches ''See''.','{"run_id":"VGFza1J1bjo0OmJiYzA=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=","spans_up_to":4}',1795943083067863064,1269152337);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','TRACE','3e23e8160039594a33894f6564e1b134','whole','matches',1.0,'Found ''See''.','{"run_id":"VGFza1J1bjo0OmJiYzA=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=","spans_up_to":4}',1795943083067863064,125485533);
INSERT INTO "evals" VALUES('TW9kZWw6MTozYTMw','TRACE','ca978112ca1bbdcafac231b39a23dc4d','whole','matches',1.0,'Found ''See''.','{"run_id":"VGFza1J1bjo0OmJiYzA=","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=","spans_up_to":4}',1795943083067863064,894298757);
CREATE TABLE evaluator_versions (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	created_ns INTEGER NOT NULL, 
	evaluator_id VARCHAR NOT NULL, 
	commit_hash VARCHAR NOT NULL, 
	commit_message VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	config JSON NOT NULL, checksum INTEGER, 
	FOREIGN KEY(evaluator_id) REFERENCES evaluators (id) ON DELETE CASCADE, 
	UNIQUE (id)
);
INSERT INTO "evaluator_versions" VALUES(1,'RXZhbHVhdG9yVmVyc2lvbjoxOmJlYTU=',1795943078355643890,'RXZhbHVhdG9yOjE6MDkwYg==','12fe19ea6df64fc41c195df191917e76087d5384','Created with assaykit','TEMPLATE','{"name":"good","template":"Be mild: {output} is mild or strict?","include_explanations":true,"use_function_calling":true,"use_structured_output":true,"classification_choices":{"mild":1.0,"strict":0.0},"direction":"MAXIMIZE","data_granularity":"SPAN","llm_config":{"ai_integration_id":"TGxtSW50ZWdyYXRpb246MTpmNDc4","model_name":"judge-1","invocation_parameters":{"temperature":0.0},"provider_parameters":{}}}',417482804);
INSERT INTO "evaluator_versions" VALUES(2,'RXZhbHVhdG9yVmVyc2lvbjoyOmFjOTk=',1795943080159041528,'RXZhbHVhdG9yOjE6MDkwYg==','2da3fafe4a5c458eb15929a392492f7268a571fa','Created with assaykit','TEMPLATE','{"name":"good","template":"Be strict: {output} is mild or strict?","include_explanations":true,"use_function_calling":true,"use_structured_output":true,"classification_choices":{"mild":1.0,"strict":0.0},"direction":"MAXIMIZE","data_granularity":"SPAN","llm_config":{"ai_integration_id":"TGxtSW50ZWdyYXRpb246MTpmNDc4","model_name":"judge-2","invocation_parameters":{"temperature":0.0},"provider_parameters":{}}}',953611292);
INSERT INTO "evaluator_versions" VALUES(4,'RXZhbHVhdG9yVmVyc2lvbjo0OjY5ZDM=',1795943081638531730,'RXZhbHVhdG9yOjM6NTEyOA==','f9bfdb5e7c1e833122d26b0a77b9294b67fa08ea','Created with assaykit','CODE','{"type":"MANAGED","name":"whole","managed_evaluator":"MATCHES_REGEX","variables":["output"],"static_params":[{"name":"pattern","type":"REGEX","default_value":"See"}]}',4239921534);
INSERT INTO "evaluator_versions" VALUES(5,'RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=',1795943082559949892,'RXZhbHVhdG9yOjQ6ZTY0OQ==','add6c3a4cfe8702b7ce75e4367268ed1eb7fdfe8','Copied to judge whole traces','CODE','{"type":"MANAGED","name":"whole","managed_evaluator":"MATCHES_REGEX","variables":["output"],"static_params":[{"name":"pattern","type":"REGEX","default_value":"See"}],"data_granularity":"TRACE"}',270429724);
INSERT INTO "evaluator_versions" VALUES(6,'RXZhbHVhdG9yVmVyc2lvbjo2OjA3MDQ=',1795943085261166817,'RXZhbHVhdG9yOjU6OWU5MQ==','1eb963e4f856fd124b63b8b645ae52ffe723b59c','Created with assaykit','CODE','{"type":"MANAGED","name":"rows","managed_evaluator":"MATCHES_REGEX","variables":["output"],"static_params":[{"name":"pattern","type":"REGEX","default_value":"^some$"}]}',3429901875);
INSERT INTO "evaluator_versions" VALUES(7,'RXZhbHVhdG9yVmVyc2lvbjo3OjQzY2M=',1795943085977153575,'RXZhbHVhdG9yOjI6YjE4YQ==','4a84280b44748f05edf9a32c15fc0256501a7880','again','CODE','{"type":"MANAGED","name":"cites","managed_evaluator":"MATCHES_REGEX","variables":["output"],"static_params":[{"name":"pattern","type":"REGEX","default_value":"\\[[A-Z]+-\\d\\]"}]}',141154794);
CREATE TABLE evaluators (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	created_ns INTEGER NOT NULL, 
	space_id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	description VARCHAR, 
	type VARCHAR NOT NULL, 
	updated_ns INTEGER NOT NULL, 
	FOREIGN KEY(space_id) REFERENCES spaces (id), 
	UNIQUE (id), 
	UNIQUE (space_id, name)
);
INSERT INTO "evaluators" VALUES(1,'RXZhbHVhdG9yOjE6MDkwYg==',1795943078337581021,'U3BhY2U6MTowNWIx','good',NULL,'TEMPLATE',1795943080159687227);
INSERT INTO "evaluators" VALUES(2,'RXZhbHVhdG9yOjI6YjE4YQ==',1795943081068230386,'U3BhY2U6MTowNWIx','cites',NULL,'CODE',1795943086015899971);
INSERT INTO "evaluators" VALUES(3,'RXZhbHVhdG9yOjM6NTEyOA==',1795943081637587851,'U3BhY2U6MTowNWIx','whole',NULL,'CODE',1795943081637588381);
INSERT INTO "evaluators" VALUES(4,'RXZhbHVhdG9yOjQ6ZTY0OQ==',1795943082558889270,'U3BhY2U6MTowNWIx','whole (trace)',NULL,'CODE',1795943082558889914);
INSERT INTO "evaluators" VALUES(5,'RXZhbHVhdG9yOjU6OWU5MQ==',1795943085249584159,'U3BhY2U6MTowNWIx','rows',NULL,'CODE',1795943085249584603);
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
INSERT INTO "examples" VALUES(1,'01a2268c-ad4f-7efa-8753-917e53c27734',1795943083343936039,'RGF0YXNldFZlcnNpb246MTpjZjg4','{"key":"q0"}',1795943083343936039,1217539999);
INSERT INTO "examples" VALUES(2,'01a2268c-ad4f-7efa-b9fa-6f64081e56db',1795943083343936039,'RGF0YXNldFZlcnNpb246MTpjZjg4','{"key":"q1"}',1795943083343936039,3593675689);
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
INSERT INTO "experiment_runs" VALUES(1,'01a2268c-b479-722e-8d6b-70eafa3e1091',1795943085177136432,'RXhwZXJpbWVudDoxOjlmNDc=','01a2268c-ad4f-7efa-8753-917e53c27734','{"output":"some","eval.given.label":"ok","key":"q0"}',3133159984);
INSERT INTO "experiment_runs" VALUES(2,'01a2268c-b479-722e-b2da-f453b47dbdfd',1795943085177136432,'RXhwZXJpbWVudDoxOjlmNDc=','01a2268c-ad4f-7efa-b9fa-6f64081e56db','{"output":"more","eval.given.label":"ok","key":"q1"}',2326266403);
CREATE TABLE experiments (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	created_ns INTEGER NOT NULL, 
	space_id VARCHAR NOT NULL, 
	dataset_id VARCHAR, 
	dataset_version_id VARCHAR, 
	name VARCHAR NOT NULL, 
	updated_ns INTEGER NOT NULL, traces_project_id VARCHAR, 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE, 
	FOREIGN KEY(space_id) REFERENCES spaces (id), 
	UNIQUE (id)
);
INSERT INTO "experiments" VALUES(1,'RXhwZXJpbWVudDoxOjlmNDc=',1795943085193628287,'U3BhY2U6MTowNWIx','RGF0YXNldDoxOjlmNmQ=','RGF0YXNldFZlcnNpb246MTpjZjg4','one',1795943086000000000,NULL);
CREATE TABLE integrations (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	created_ns INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	provider VARCHAR NOT NULL, 
	base_url VARCHAR, 
	secret_ref VARCHAR, 
	model_names JSON NOT NULL, 
	updated_ns INTEGER NOT NULL, headers JSON, function_calling BOOLEAN DEFAULT 1 NOT NULL, default_models BOOLEAN DEFAULT 1 NOT NULL, 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "integrations" VALUES(1,'TGxtSW50ZWdyYXRpb246MTpmNDc4',1795943078175294303,'openai','OPEN_AI','env:OPENAI_BASE_URL','env:OPENAI_API_KEY','[]',1795943078175294855,NULL,1,1);
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
INSERT INTO "projects" VALUES(1,'TW9kZWw6MTozYTMw',1795943077360599209,'U3BhY2U6MTowNWIx','bot');
CREATE TABLE prompt_labels (
	prompt_id VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	version_id VARCHAR NOT NULL, 
	PRIMARY KEY (prompt_id, label), 
	FOREIGN KEY(prompt_id) REFERENCES prompts (id) ON DELETE CASCADE, 
	FOREIGN KEY(version_id) REFERENCES prompt_versions (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
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
CREATE TABLE run_columns (
	experiment_id VARCHAR NOT NULL, 
	last_n INTEGER NOT NULL, 
	summary JSON NOT NULL, 
	ns VARCHAR NOT NULL, 
	example_ids VARCHAR NOT NULL, 
	row_groups VARCHAR NOT NULL, 
	FOREIGN KEY(experiment_id) REFERENCES experiments (id) ON DELETE CASCADE
);
INSERT INTO "run_columns" VALUES('RXhwZXJpbWVudDoxOjlmNDc=',2,'{"is_plain":true,"rows":2,"failed":0,"evaluators":{"given":{"labels":{"ok":2},"scored":0,"low":null,"high":null,"tried":0,"passed":0}}}','[1,2]','["01a2268c-ad4f-7efa-8753-917e53c27734","01a2268c-ad4f-7efa-b9fa-6f64081e56db"]','[{"names":["eval.given.label"],"columns":[["ok","ok"]],"places":null}]');
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
 WITHOUT ROWID

;
INSERT INTO "run_items" VALUES('VGFza1J1bjo0OmJiYzA=',0,'RXZhbHVhdG9yOjQ6ZTY0OQ==','ca978112ca1bbdcafac231b39a23dc4d','SCORED','matches',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,3626414133);
INSERT INTO "run_items" VALUES('VGFza1J1bjo0OmJiYzA=',1,'RXZhbHVhdG9yOjQ6ZTY0OQ==','3e23e8160039594a33894f6564e1b134','SCORED','matches',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,883591588);
INSERT INTO "run_items" VALUES('VGFza1J1bjo0OmJiYzA=',2,'RXZhbHVhdG9yOjQ6ZTY0OQ==','2e7d2c03a9507ae265ecf5b5356885a5','SCORED','no match',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,294180331);
INSERT INTO "run_items" VALUES('VGFza1J1bjo0OmJiYzA=',3,'RXZhbHVhdG9yOjQ6ZTY0OQ==','18ac3e7343f016890c510e93f9352611','SCORED','no match',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,167733324);
INSERT INTO "run_items" VALUES('VGFza1J1bjo1Ojc4ZmE=',0,'RXZhbHVhdG9yOjU6OWU5MQ==','01a2268c-b479-722e-8d6b-70eafa3e1091','SCORED','matches',NULL,NULL,'RXhwZXJpbWVudDoxOjlmNDc=',NULL,NULL,NULL,0,NULL,692984063);
INSERT INTO "run_items" VALUES('VGFza1J1bjo1Ojc4ZmE=',1,'RXZhbHVhdG9yOjU6OWU5MQ==','01a2268c-b479-722e-b2da-f453b47dbdfd','SCORED','no match',NULL,NULL,'RXhwZXJpbWVudDoxOjlmNDc=',NULL,NULL,NULL,0,NULL,132851770);
INSERT INTO "run_items" VALUES('VGFza1J1bjoxOmFmOTk=',0,'RXZhbHVhdG9yOjE6MDkwYg==','b9807785afee48bb','SCORED','mild',NULL,NULL,'TW9kZWw6MTozYTMw',87,7,NULL,0,NULL,3989004253);
INSERT INTO "run_items" VALUES('VGFza1J1bjoxOmFmOTk=',1,'RXZhbHVhdG9yOjE6MDkwYg==','cb73eeaed59c009d','SCORED','mild',NULL,NULL,'TW9kZWw6MTozYTMw',87,7,NULL,0,NULL,1765818078);
INSERT INTO "run_items" VALUES('VGFza1J1bjoxOmFmOTk=',2,'RXZhbHVhdG9yOjE6MDkwYg==','997265a1a25aefc6','PENDING',NULL,NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,1835001608);
INSERT INTO "run_items" VALUES('VGFza1J1bjoxOmFmOTk=',3,'RXZhbHVhdG9yOjE6MDkwYg==','830faf0934f4f8e4','PENDING',NULL,NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,4244198326);
INSERT INTO "run_items" VALUES('VGFza1J1bjoyOmZjOGQ=',0,'RXZhbHVhdG9yOjE6MDkwYg==','997265a1a25aefc6','SCORED','strict',NULL,NULL,'TW9kZWw6MTozYTMw',86,7,NULL,0,NULL,2349959801);
INSERT INTO "run_items" VALUES('VGFza1J1bjoyOmZjOGQ=',1,'RXZhbHVhdG9yOjE6MDkwYg==','830faf0934f4f8e4','PENDING',NULL,NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,498548423);
INSERT INTO "run_items" VALUES('VGFza1J1bjozOmIxZjQ=',0,'RXZhbHVhdG9yOjI6YjE4YQ==','b9807785afee48bb','SCORED','matches',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,3553403046);
INSERT INTO "run_items" VALUES('VGFza1J1bjozOmIxZjQ=',1,'RXZhbHVhdG9yOjI6YjE4YQ==','cb73eeaed59c009d','SCORED','no match',NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,1464844709);
INSERT INTO "run_items" VALUES('VGFza1J1bjozOmIxZjQ=',2,'RXZhbHVhdG9yOjI6YjE4YQ==','997265a1a25aefc6','PENDING',NULL,NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,1397758067);
INSERT INTO "run_items" VALUES('VGFza1J1bjozOmIxZjQ=',3,'RXZhbHVhdG9yOjI6YjE4YQ==','830faf0934f4f8e4','PENDING',NULL,NULL,NULL,'TW9kZWw6MTozYTMw',NULL,NULL,NULL,0,NULL,3270945997);
CREATE TABLE schedules (
	task_id VARCHAR NOT NULL, 
	cursor_n INTEGER NOT NULL, 
	run_id VARCHAR, 
	failures INTEGER NOT NULL, 
	due_ns INTEGER NOT NULL, marks JSON, waits_for VARCHAR, owed_n INTEGER, owed_up_to_n INTEGER, owed_due_ns INTEGER, owed_failures INTEGER DEFAULT 0 NOT NULL, open_n INTEGER, at_limit BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (task_id), 
	FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE
);
CREATE TABLE spaces (
	n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	created_ns INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "spaces" VALUES(1,'U3BhY2U6MTowNWIx',1795943077089407778,'default');
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
	events JSON NOT NULL, changed_ns INTEGER, checksum INTEGER, 
	FOREIGN KEY(project_id) REFERENCES projects (id), 
	UNIQUE (project_id, span_id)
);
INSERT INTO "spans" VALUES(1,'TW9kZWw6MTozYTMw','ca978112ca1bbdcafac231b39a23dc4d','b9807785afee48bb',NULL,'a','LLM',1795942534728454186,1795942534828454186,100.0,'OK',NULL,NULL,NULL,'{"resource.openinference.project.name":"bot","openinference.span.kind":"LLM","input.value":"hello","output.value":"See [RET-2]."}','[]',NULL,3554378891);
INSERT INTO "spans" VALUES(2,'TW9kZWw6MTozYTMw','3e23e8160039594a33894f6564e1b134','cb73eeaed59c009d',NULL,'b','LLM',1795942474728520527,1795942474828520527,100.0,'OK',NULL,NULL,NULL,'{"resource.openinference.project.name":"bot","openinference.span.kind":"LLM","input.value":"hello","output.value":"See there."}','[]',NULL,72387917);
INSERT INTO "spans" VALUES(3,'TW9kZWw6MTozYTMw','2e7d2c03a9507ae265ecf5b5356885a5','997265a1a25aefc6',NULL,'c','LLM',1795942414728545814,1795942414828545814,100.0,'OK',NULL,NULL,NULL,'{"resource.openinference.project.name":"bot","openinference.span.kind":"LLM","input.value":"hello","output.value":"No."}','[]',NULL,950572976);
INSERT INTO "spans" VALUES(4,'TW9kZWw6MTozYTMw','18ac3e7343f016890c510e93f9352611','830faf0934f4f8e4',NULL,'d','LLM',1795942354728557780,1795942354828557780,100.0,'OK',NULL,NULL,NULL,'{"resource.openinference.project.name":"bot","openinference.span.kind":"LLM","input.value":"hello","output.value":"Yes."}','[]',NULL,445481467);
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
	heartbeat_ns INTEGER, after_n INTEGER, up_to_n INTEGER, experiment_id VARCHAR, fence INTEGER DEFAULT 0 NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL, "plan" JSON, max_rows INTEGER, max_cost FLOAT, beat INTEGER DEFAULT 0 NOT NULL, waits_for VARCHAR, closed_n INTEGER, at_limit BOOLEAN DEFAULT 0 NOT NULL, pending_rows INTEGER DEFAULT 0 NOT NULL, scored_rows INTEGER DEFAULT 0 NOT NULL, failed_rows INTEGER DEFAULT 0 NOT NULL, skipped_rows INTEGER DEFAULT 0 NOT NULL, on_too_long VARCHAR, 
	FOREIGN KEY(task_id) REFERENCES tasks (id) ON DELETE CASCADE, 
	UNIQUE (id)
);
INSERT INTO "task_runs" VALUES(1,'VGFza1J1bjoxOmFmOTk=',1795943079695066086,'T25saW5lVGFzazoxOjkxOWE=','CANCELLED','{"data_start_time":"1970-01-01T00:00:00Z","data_end_time":"2026-11-29T09:04:39.350469Z","max_spans":10000,"override_evaluations":false,"report":{"selection":{"matched":4,"sampled_out":0,"filtered_out":0,"labelled":0,"chosen":4,"capped":false}}}',0,1795943079350469999,1795943079858951338,1795943080050885322,'Stopped at its max_rows of 2. Earlier results stay; trigger again to continue with the rest.','87f09aa0d7757b95',1795943080033843756,NULL,NULL,NULL,0,0,'{"level":"SPAN","up_to":4,"deleted":[],"task":{"id":"T25saW5lVGFzazoxOjkxOWE=","name":"good on bot","type":"TEMPLATE_EVALUATION","project_id":"TW9kZWw6MTozYTMw","is_continuous":false,"evaluators":[{"evaluator_id":"RXZhbHVhdG9yOjE6MDkwYg==","evaluator_name":"good","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjoxOmJlYTU=","column_mappings":{"output":"attributes.output.value"}}],"last_run_at":"2026-11-29T09:04:39.695066Z","created_at":"2026-11-29T09:04:39.646050Z","updated_at":"2026-11-29T09:04:39.646050Z"},"reason":null}',2,NULL,3,NULL,NULL,0,2,2,0,0,NULL);
INSERT INTO "task_runs" VALUES(2,'VGFza1J1bjoyOmZjOGQ=',1795943080324696815,'T25saW5lVGFzazoxOjkxOWE=','CANCELLED','{"data_start_time":"1970-01-01T00:00:00Z","data_end_time":"2026-11-29T09:04:40.186442Z","max_spans":10000,"override_evaluations":false,"report":{"selection":{"matched":4,"sampled_out":0,"filtered_out":0,"labelled":2,"chosen":2,"capped":false}}}',0,1795943080186442999,1795943080415544533,1795943080571228026,'Stopped at its max_rows of 1. Earlier results stay; trigger again to continue with the rest.','87f09aa0d7757b95',1795943080558225650,NULL,NULL,NULL,0,0,'{"level":"SPAN","up_to":4,"deleted":[],"task":{"id":"T25saW5lVGFzazoxOjkxOWE=","name":"good on bot","type":"TEMPLATE_EVALUATION","project_id":"TW9kZWw6MTozYTMw","is_continuous":false,"evaluators":[{"evaluator_id":"RXZhbHVhdG9yOjE6MDkwYg==","evaluator_name":"good","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjoyOmFjOTk=","column_mappings":{"output":"attributes.output.value"}}],"last_run_at":"2026-11-29T09:04:40.324696Z","created_at":"2026-11-29T09:04:39.646050Z","updated_at":"2026-11-29T09:04:39.646050Z"},"reason":null}',1,NULL,2,NULL,NULL,0,1,1,0,0,NULL);
INSERT INTO "task_runs" VALUES(3,'VGFza1J1bjozOmIxZjQ=',1795943081294792088,'T25saW5lVGFzazoyOjU0OTA=','CANCELLED','{"data_start_time":"1970-01-01T00:00:00Z","data_end_time":"2026-11-29T09:04:41.111844Z","max_spans":10000,"override_evaluations":false,"report":{"selection":{"matched":4,"sampled_out":0,"filtered_out":0,"labelled":0,"chosen":4,"capped":false}}}',0,1795943081111844999,1795943081382418181,1795943081447801462,'Stopped at its max_rows of 2. Earlier results stay; trigger again to continue with the rest.','87f09aa0d7757b95',1795943081418838588,NULL,NULL,NULL,0,0,'{"level":"SPAN","up_to":4,"deleted":[],"task":{"id":"T25saW5lVGFzazoyOjU0OTA=","name":"cites on bot","type":"CODE_EVALUATION","project_id":"TW9kZWw6MTozYTMw","is_continuous":false,"evaluators":[{"evaluator_id":"RXZhbHVhdG9yOjI6YjE4YQ==","evaluator_name":"cites","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjozOmZiYjE=","column_mappings":{"output":"attributes.output.value"}}],"last_run_at":"2026-11-29T09:04:41.294792Z","created_at":"2026-11-29T09:04:41.227484Z","updated_at":"2026-11-29T09:04:41.227484Z"},"reason":null}',2,NULL,2,NULL,NULL,0,2,2,0,0,NULL);
INSERT INTO "task_runs" VALUES(4,'VGFza1J1bjo0OmJiYzA=',1795943082864139933,'T25saW5lVGFzazozOmI0MjA=','COMPLETED','{"data_start_time":"1970-01-01T00:00:00Z","data_end_time":"2026-11-29T09:04:42.638319Z","max_spans":10000,"override_evaluations":false,"report":{"selection":{"matched":4,"sampled_out":0,"filtered_out":0,"labelled":0,"chosen":4,"capped":false}}}',0,1795943082638319999,1795943082918600815,1795943083098218748,NULL,'87f09aa0d7757b95',1795943083067863064,NULL,NULL,NULL,0,0,'{"level":"TRACE","up_to":4,"deleted":[],"task":{"id":"T25saW5lVGFzazozOmI0MjA=","name":"whole","type":"CODE_EVALUATION","project_id":"TW9kZWw6MTozYTMw","sampling_rate":1.0,"is_continuous":false,"evaluators":[{"evaluator_id":"RXZhbHVhdG9yOjQ6ZTY0OQ==","evaluator_name":"whole (trace)","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo1OmRiMGM=","query_mappings":[{"variable_name":"output","query_ids":[],"attribute_path":"attributes.output.value"}]}],"last_run_at":"2026-11-29T09:04:42.864139Z","created_at":"2026-11-29T09:04:42.602163Z","updated_at":"2026-11-29T09:04:42.602163Z"},"reason":null}',NULL,NULL,2,NULL,NULL,0,0,4,0,0,NULL);
INSERT INTO "task_runs" VALUES(5,'VGFza1J1bjo1Ojc4ZmE=',1795943085493409812,'T25saW5lVGFzazo0OmVhZTE=','COMPLETED','{"max_spans":10000,"override_evaluations":false,"report":{"selection":{"matched":2,"sampled_out":0,"filtered_out":0,"labelled":0,"chosen":2,"capped":false}}}',NULL,NULL,1795943085512151081,1795943085614822377,NULL,'87f09aa0d7757b95',1795943085565160422,NULL,NULL,NULL,0,0,'{"level":"RUN","up_to":0,"deleted":[],"task":{"id":"T25saW5lVGFzazo0OmVhZTE=","name":"rows","type":"CODE_EVALUATION","dataset_id":"RGF0YXNldDoxOjlmNmQ=","is_continuous":false,"evaluators":[{"evaluator_id":"RXZhbHVhdG9yOjU6OWU5MQ==","evaluator_name":"rows","evaluator_version_id":"RXZhbHVhdG9yVmVyc2lvbjo2OjA3MDQ=","column_mappings":{"output":"output"}}],"experiment_ids":["RXhwZXJpbWVudDoxOjlmNDc="],"last_run_at":"2026-11-29T09:04:45.493409Z","created_at":"2026-11-29T09:04:45.383600Z","updated_at":"2026-11-29T09:04:45.383600Z"},"reason":null}',NULL,NULL,2,NULL,NULL,0,0,2,0,0,NULL);
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
	updated_ns INTEGER NOT NULL, run_configuration JSON, query_filters JSON, max_cost FLOAT, spent FLOAT DEFAULT 0 NOT NULL, checksum INTEGER, 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id) ON DELETE CASCADE, 
	FOREIGN KEY(project_id) REFERENCES projects (id) ON DELETE CASCADE, 
	FOREIGN KEY(space_id) REFERENCES spaces (id), 
	UNIQUE (id), 
	UNIQUE (space_id, name)
);
INSERT INTO "tasks" VALUES(1,'T25saW5lVGFzazoxOjkxOWE=',1795943079646050622,'U3BhY2U6MTowNWIx','good on bot','TEMPLATE_EVALUATION','TW9kZWw6MTozYTMw',NULL,'null',NULL,0,NULL,'[{"evaluator_id":"RXZhbHVhdG9yOjE6MDkwYg==","column_mappings":{"output":"attributes.output.value"}}]',1795943080324696815,1795943079646050622,NULL,NULL,NULL,0.0,1037864932);
INSERT INTO "tasks" VALUES(2,'T25saW5lVGFzazoyOjU0OTA=',1795943081227484670,'U3BhY2U6MTowNWIx','cites on bot','CODE_EVALUATION','TW9kZWw6MTozYTMw',NULL,'null',NULL,0,NULL,'[{"evaluator_id":"RXZhbHVhdG9yOjI6YjE4YQ==","column_mappings":{"output":"attributes.output.value"}}]',1795943081294792088,1795943081227484670,NULL,NULL,NULL,0.0,3069195656);
INSERT INTO "tasks" VALUES(3,'T25saW5lVGFzazozOmI0MjA=',1795943082602163082,'U3BhY2U6MTowNWIx','whole','CODE_EVALUATION','TW9kZWw6MTozYTMw',NULL,'null',1.0,0,NULL,'[{"evaluator_id":"RXZhbHVhdG9yOjQ6ZTY0OQ==","query_mappings":[{"variable_name":"output","query_ids":[],"attribute_path":"attributes.output.value"}]}]',1795943082864139933,1795943082602163082,NULL,NULL,NULL,0.0,226228718);
INSERT INTO "tasks" VALUES(4,'T25saW5lVGFzazo0OmVhZTE=',1795943085383600286,'U3BhY2U6MTowNWIx','rows','CODE_EVALUATION',NULL,'RGF0YXNldDoxOjlmNmQ=','["RXhwZXJpbWVudDoxOjlmNDc="]',NULL,0,NULL,'[{"evaluator_id":"RXZhbHVhdG9yOjU6OWU5MQ==","column_mappings":{"output":"output"}}]',1795943085493409812,1795943085383600286,NULL,NULL,NULL,0.0,3658868003);
CREATE INDEX dataset_versions_of ON dataset_versions (dataset_id, n);
CREATE INDEX evaluator_versions_of ON evaluator_versions (evaluator_id, n);
CREATE UNIQUE INDEX experiments_name ON experiments (dataset_id, name);
CREATE INDEX spans_by_session ON spans (project_id, session_id, start_ns);
CREATE INDEX spans_by_time ON spans (project_id, start_ns, n);
CREATE INDEX experiment_runs_of ON experiment_runs (experiment_id, n);
CREATE INDEX task_runs_by_status ON task_runs (status);
CREATE INDEX task_runs_of ON task_runs (task_id, n);
CREATE INDEX run_items_by_state ON run_items (run_id, state);
CREATE INDEX prompt_versions_of ON prompt_versions (prompt_id, n);
CREATE INDEX prompt_labels_of ON prompt_labels (version_id);
CREATE INDEX examples_of ON examples (version_id, n);
CREATE INDEX examples_by_id ON examples (id);
CREATE INDEX spans_by_trace ON spans (project_id, trace_id, start_ns, n);
CREATE TRIGGER run_items_insert AFTER INSERT ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows + (NEW.state = 'PENDING'), scored_rows = scored_rows + (NEW.state = 'SCORED'), failed_rows = failed_rows + (NEW.state = 'FAILED'), skipped_rows = skipped_rows + (NEW.state = 'SKIPPED') WHERE id = NEW.run_id; END;
CREATE TRIGGER run_items_delete AFTER DELETE ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows - (OLD.state = 'PENDING'), scored_rows = scored_rows - (OLD.state = 'SCORED'), failed_rows = failed_rows - (OLD.state = 'FAILED'), skipped_rows = skipped_rows - (OLD.state = 'SKIPPED') WHERE id = OLD.run_id; END;
CREATE TRIGGER run_items_update AFTER UPDATE ON run_items BEGIN UPDATE task_runs SET pending_rows = pending_rows + (NEW.state = 'PENDING') - (OLD.state = 'PENDING'), scored_rows = scored_rows + (NEW.state = 'SCORED') - (OLD.state = 'SCORED'), failed_rows = failed_rows + (NEW.state = 'FAILED') - (OLD.state = 'FAILED'), skipped_rows = skipped_rows + (NEW.state = 'SKIPPED') - (OLD.state = 'SKIPPED') WHERE id = NEW.run_id; END;
CREATE UNIQUE INDEX run_columns_of ON run_columns (experiment_id, last_n);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('spaces',1);
INSERT INTO "sqlite_sequence" VALUES('projects',1);
INSERT INTO "sqlite_sequence" VALUES('spans',4);
INSERT INTO "sqlite_sequence" VALUES('integrations',1);
INSERT INTO "sqlite_sequence" VALUES('evaluators',5);
INSERT INTO "sqlite_sequence" VALUES('evaluator_versions',7);
INSERT INTO "sqlite_sequence" VALUES('tasks',4);
INSERT INTO "sqlite_sequence" VALUES('task_runs',5);
INSERT INTO "sqlite_sequence" VALUES('answers',3);
INSERT INTO "sqlite_sequence" VALUES('datasets',1);
INSERT INTO "sqlite_sequence" VALUES('dataset_versions',1);
INSERT INTO "sqlite_sequence" VALUES('examples',2);
INSERT INTO "sqlite_sequence" VALUES('experiments',1);
INSERT INTO "sqlite_sequence" VALUES('experiment_runs',2);
COMMIT;
