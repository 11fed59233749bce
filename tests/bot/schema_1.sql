BEGIN TRANSACTION;
CREATE TABLE decisions (
	seq INTEGER NOT NULL, 
	request TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	head TEXT, 
	version INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (seq), 
	CONSTRAINT decision_once UNIQUE (request, decided_by, verb, digest), 
	FOREIGN KEY(request) REFERENCES requests ("key")
);
INSERT INTO "decisions" VALUES(1,'EG-1','approve','sam@fincorp.example','d1','','c1',2,'2026-03-01T12:00:00.000000+00:00');
INSERT INTO "decisions" VALUES(2,'EG-1','hold','ines@fincorp.example','d1','wait for the audit','c1',2,'2026-03-01T12:05:00.000000+00:00');
CREATE TABLE drafts (
	digest TEXT NOT NULL, 
	thread TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	base TEXT, 
	need JSON NOT NULL, 
	edits JSON NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (digest)
);
CREATE TABLE intents (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	payload JSON NOT NULL, 
	request TEXT, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	error JSON, 
	receipt JSON, 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE ("key"), 
	FOREIGN KEY(request) REFERENCES requests ("key")
);
INSERT INTO "intents" VALUES(1,'open:EG-1:1','OpenMergeRequest','{"digest":"d1"}','EG-1','todo',0,NULL,NULL,'2026-03-01T12:00:00.000000+00:00','2026-03-01T12:00:00.000000+00:00');
CREATE TABLE log (
	seq INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	who TEXT NOT NULL, 
	where_from TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	facts JSON NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "log" VALUES(1,'2026-03-01T12:00:00.000000+00:00','dana','terminal','propose','{"codes":[]}');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread TEXT, 
	payload JSON NOT NULL, 
	state TEXT NOT NULL, 
	attempts INTEGER NOT NULL, 
	ts TEXT, 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE ("key")
);
INSERT INTO "outbox" VALUES(1,'p1','C1','17.3','{"text":"hello"}','todo',0,NULL,'2026-03-01T12:00:00.000000+00:00','2026-03-01T12:00:00.000000+00:00');
CREATE TABLE requests (
	"key" TEXT NOT NULL, 
	repository TEXT NOT NULL, 
	state TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	workload TEXT NOT NULL, 
	environment TEXT, 
	destinations JSON NOT NULL, 
	remove BOOLEAN NOT NULL, 
	digest TEXT NOT NULL, 
	base TEXT NOT NULL, 
	branch TEXT NOT NULL, 
	commit_id TEXT, 
	number INTEGER, 
	url TEXT, 
	asked_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	until TEXT, 
	paths JSON NOT NULL, 
	watchers JSON NOT NULL, 
	waits_for JSON NOT NULL, 
	thread TEXT NOT NULL, 
	facts JSON NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "requests" VALUES('EG-1','allowlist','waiting',2,'payment-gateway (production)','production','["api.twilio.com:443"]',0,'d1','b1','egress/EG-1','c1',1,'https://forge.example/1','dana@fincorp.example','SMS codes',NULL,'["organization/x.yaml"]','[]','["sam@fincorp.example"]','terminal:default','{}','2026-03-01T12:00:00.000000+00:00','2026-03-01T12:00:00.000000+00:00');
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE threads (
	id TEXT NOT NULL, 
	state JSON NOT NULL, 
	version INTEGER NOT NULL, 
	updated_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "threads" VALUES('terminal:default','{"a":1}',1,'2026-03-01T12:00:00.000000+00:00');
CREATE TABLE turns (
	thread TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	who TEXT NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	said TEXT NOT NULL, 
	answer JSON NOT NULL, 
	PRIMARY KEY (thread, seq), 
	FOREIGN KEY(thread) REFERENCES threads (id)
);
CREATE INDEX requests_of_thread ON requests (thread);
CREATE INDEX requests_of_repository ON requests (repository, state);
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE INDEX intents_of_request ON intents (request);
CREATE INDEX intents_by_state ON intents (state, id);
COMMIT;
