/** Tables of a traffic file; made by whoever writes to it first. Text columns hold JSON (codec.ts). */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS traffic (
    model TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS report (
    process TEXT NOT NULL,
    model TEXT NOT NULL,
    revision TEXT NOT NULL,
    told_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (process, model, revision)
  ) STRICT, WITHOUT ROWID;
`
/** Kept in the file's header; a file of a later form is refused, not guessed at. */
export const SCHEMA_VERSION = 1
