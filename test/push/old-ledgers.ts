/** Push ledgers as former versions made them: the schemas are those of their time, and stay as they are. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const versionOne = `
CREATE TABLE settings (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
CREATE TABLE users (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  sender TEXT,
  address TEXT,
  address_since INTEGER NOT NULL DEFAULT 0,
  gone INTEGER,
  zone TEXT NOT NULL,
  quiet_from INTEGER,
  quiet_until INTEGER,
  opted_out INTEGER,
  last_visit INTEGER,
  CHECK ((sender IS NULL) = (address IS NULL))
) STRICT;
CREATE TABLE campaigns (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  titles TEXT NOT NULL,
  url TEXT,
  starts INTEGER NOT NULL,
  ends INTEGER NOT NULL,
  budget INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  target REAL NOT NULL,
  paused INTEGER,
  closed INTEGER NOT NULL DEFAULT 0,
  CHECK (starts < ends)
) STRICT;
CREATE INDEX open_campaigns ON campaigns (ends) WHERE closed = 0;
CREATE TABLE hold_outs (
  campaign INTEGER NOT NULL,
  user INTEGER NOT NULL,
  PRIMARY KEY (campaign, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE sends (
  number INTEGER PRIMARY KEY,
  nonce INTEGER NOT NULL,
  campaign INTEGER NOT NULL,
  user INTEGER NOT NULL,
  title INTEGER NOT NULL,
  sender TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'handed', 'delivered', 'unknown', 'failed', 'expired', 'cancelled')),
  reserved INTEGER NOT NULL,
  due INTEGER NOT NULL,
  handed INTEGER,
  ended INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  uncertain INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  shown INTEGER,
  clicked INTEGER,
  UNIQUE (campaign, user)
) STRICT;
CREATE INDEX due_sends ON sends (campaign, sender, due) WHERE state = 'reserved';
CREATE INDEX handed_sends ON sends (campaign) WHERE state = 'handed';
-- User 0: the sum of all.
CREATE TABLE visit_hours (
  user INTEGER NOT NULL,
  hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
  visits REAL NOT NULL,
  PRIMARY KEY (user, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE slots (
  user INTEGER PRIMARY KEY,
  send INTEGER NOT NULL,
  taken INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;
CREATE TRIGGER slot_is_taken BEFORE UPDATE OF send ON slots WHEN NEW.send <> OLD.send AND OLD.until > NEW.taken
BEGIN SELECT raise(ABORT, 'the user has a push in this week'); END;
CREATE TRIGGER slot_is_used BEFORE DELETE ON slots
WHEN EXISTS (SELECT 1 FROM sends WHERE number = OLD.send AND state IN ('handed', 'delivered', 'unknown'))
BEGIN SELECT raise(ABORT, 'the push of this week may have gone out'); END;
CREATE TRIGGER handed_has_slot BEFORE UPDATE OF state ON sends
WHEN NEW.state = 'handed' AND NOT EXISTS (SELECT 1 FROM slots WHERE user = NEW.user AND send = NEW.number)
BEGIN SELECT raise(ABORT, 'the push has no slot of its user'); END;
CREATE TRIGGER state_is_final BEFORE UPDATE OF state ON sends WHEN OLD.state NOT IN ('reserved', 'handed')
BEGIN SELECT raise(ABORT, 'the push has its final state'); END;
`

const additionsOfTwo = `
ALTER TABLE users ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN pushes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN clicks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN dry INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaigns ADD COLUMN stopped INTEGER;
ALTER TABLE campaigns ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX uncounted_campaigns ON campaigns (ends) WHERE counted = 0;
ALTER TABLE sends ADD COLUMN round INTEGER;
ALTER TABLE sends ADD COLUMN rank INTEGER;
ALTER TABLE sends ADD COLUMN usual_ctr REAL;
ALTER TABLE sends ADD COLUMN expected_ctr REAL;
CREATE TABLE segments (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY,
  article TEXT NOT NULL,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('select', 'stop')),
  body TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_of_article ON decisions (article, number);
CREATE INDEX decisions_by_time ON decisions (time);
CREATE TABLE dry_sends (
  campaign INTEGER NOT NULL,
  user INTEGER NOT NULL,
  title INTEGER NOT NULL,
  reserved INTEGER NOT NULL,
  round INTEGER,
  rank INTEGER,
  usual_ctr REAL,
  expected_ctr REAL,
  PRIMARY KEY (campaign, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE test_sends (
  number INTEGER PRIMARY KEY,
  nonce INTEGER NOT NULL,
  campaign INTEGER NOT NULL,
  user INTEGER NOT NULL,
  title INTEGER NOT NULL,
  sender TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('reserved', 'handed', 'delivered', 'unknown', 'failed', 'expired')),
  reserved INTEGER NOT NULL,
  due INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  uncertain INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  clicked INTEGER
) STRICT;
CREATE INDEX due_tests ON test_sends (sender, due) WHERE state = 'reserved';
CREATE INDEX open_tests ON test_sends (reserved) WHERE state IN ('reserved', 'handed');
CREATE TABLE articles (
  id TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  observed INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX articles_by_time ON articles (created);
`

/** Makes a ledger of an old version in the directory of a state, and fills it by SQL. */
export function makeOldLedger(folder: string, version: 1 | 2, rows: string): void {
  const database = new DatabaseSync(join(folder, 'push.db'))
  database.exec('PRAGMA journal_mode = WAL')
  database.exec(versionOne)
  if (version === 2) database.exec(additionsOfTwo)
  // The four characters `aupu`.
  database.exec(
    `PRAGMA application_id = ${Buffer.from('aupu', 'latin1').readInt32BE()}; PRAGMA user_version = ${version}`,
  )
  database.exec(rows)
  database.close()
}
