CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE chains (chain_id INTEGER PRIMARY KEY, name TEXT NOT NULL, head INTEGER, finalized INTEGER);
CREATE TABLE status (
  chain_id INTEGER PRIMARY KEY, node_head INTEGER, reorgs INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT ''
);
CREATE TABLE endpoints (
  chain_id INTEGER NOT NULL, place INTEGER NOT NULL, label TEXT NOT NULL, health TEXT NOT NULL, error TEXT NOT NULL,
  latency_seconds REAL NOT NULL, PRIMARY KEY (chain_id, place)
) WITHOUT ROWID;
CREATE TABLE headers (
  chain_id INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, parent_hash BLOB NOT NULL,
  timestamp INTEGER NOT NULL, PRIMARY KEY (chain_id, number)
) WITHOUT ROWID;
CREATE TABLE logs (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, log_index INTEGER NOT NULL, tx_index INTEGER NOT NULL,
  tx_hash BLOB NOT NULL, address BLOB NOT NULL, topics BLOB NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY (chain_id, block_number, log_index)
) WITHOUT ROWID;
CREATE TABLE native (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, tx_index INTEGER NOT NULL, tx_hash BLOB NOT NULL,
  sender BLOB NOT NULL, recipient BLOB NOT NULL, value TEXT NOT NULL, nonce INTEGER NOT NULL,
  PRIMARY KEY (chain_id, block_number, tx_index)
) WITHOUT ROWID;
CREATE TABLE coverage (
  chain_id INTEGER NOT NULL, fragment TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
  PRIMARY KEY (chain_id, fragment, start)
) WITHOUT ROWID;
CREATE TABLE quarantine (
  chain_id INTEGER NOT NULL, block_number INTEGER NOT NULL, log_index INTEGER NOT NULL, market TEXT NOT NULL,
  role TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (chain_id, block_number, log_index, market, role)
) WITHOUT ROWID;
CREATE TABLE findings (finding_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE leads (lead_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE dispositions (
  entry INTEGER PRIMARY KEY AUTOINCREMENT, lead_id TEXT NOT NULL, disposition TEXT NOT NULL, reason TEXT NOT NULL,
  reviewer TEXT NOT NULL, at INTEGER NOT NULL
);
CREATE TABLE outbox (
  alert_id TEXT NOT NULL, sink TEXT NOT NULL, lead_id TEXT NOT NULL, kind TEXT NOT NULL, sequence INTEGER NOT NULL,
  payload BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at REAL NOT NULL, first_at REAL,
  delivered_at REAL, last_error TEXT NOT NULL, PRIMARY KEY (alert_id, sink)
);
CREATE INDEX outbox_due ON outbox (state, next_at);
