import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseFormat } from '../../../storage/sqlite.ts'
import type { DatabaseName } from '../../../storage/sqlite-errors.ts'

/** The name of the file in the directory of a state. */
export const pushFile = 'push.db'

/** Whether the state `directory` has a push ledger. */
export function hasLedger(directory: string): boolean {
  return existsSync(join(directory, pushFile))
}

/** What the ledger of the state `directory` is called in messages. */
export function ledgerName(directory: string): DatabaseName {
  return { file: join(directory, pushFile), title: pushFormat.title }
}

/**
 * A user's row in `slots` is the one push of the week: its key makes a second one at the same time impossible, the triggers
 * that it is taken over before its end, given up after its push may have gone out, or that a push goes out without it.
 */
const slots = `
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

/**
 * What version 2 added. `pushes` and `clicks` of a user are those of campaigns that are counted: whose clicks are all in. `dry_sends` are
 * what would have been reserved; `test_sends` go out beside the slots. `articles`: since when one is known, and whether the loop has seen it.
 */
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

/**
 * What version 3 added. `held`: when a user was held out. `counted` of a send: whether it is in `pushes` of its user, so that a campaign which goes on
 * later is counted for the rest. Tests have an article, and no campaign. `users.clicks` had clicks on sends that `pushes` did not have.
 */
const additionsOfThree = `
  ALTER TABLE hold_outs ADD COLUMN rank INTEGER;
  ALTER TABLE hold_outs ADD COLUMN held INTEGER;
  ALTER TABLE sends ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
  UPDATE sends SET counted = 1
    WHERE state IN ('delivered', 'unknown') AND campaign IN (SELECT number FROM campaigns WHERE counted = 1);
  UPDATE users SET clicks = pushes WHERE clicks > pushes;
  UPDATE users SET last_visit = 1000 * unixepoch() WHERE last_visit > 1000 * unixepoch();
  CREATE TABLE article_tests (
    number INTEGER PRIMARY KEY,
    nonce INTEGER NOT NULL,
    article TEXT NOT NULL,
    title TEXT NOT NULL,
    url TEXT,
    user INTEGER NOT NULL,
    sender TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('reserved', 'handed', 'delivered', 'unknown', 'failed', 'expired')),
    reserved INTEGER NOT NULL,
    due INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    clicked INTEGER
  ) STRICT;
  INSERT INTO article_tests
    SELECT test_sends.number, nonce, id, coalesce(json_extract(titles, '$[' || title || ']'), json_extract(titles, '$[0]')), url, user, sender,
      state, reserved, due, attempts, reason, clicked
    FROM test_sends JOIN campaigns ON campaigns.number = campaign;
  DROP TABLE test_sends;
  ALTER TABLE article_tests RENAME TO test_sends;
  CREATE INDEX due_tests ON test_sends (due) WHERE state = 'reserved';
  CREATE INDEX open_tests ON test_sends (reserved) WHERE state IN ('reserved', 'handed');
  CREATE INDEX tests_of_article ON test_sends (article);
`

export const pushFormat: DatabaseFormat = {
  applicationId: 'aupu',
  version: 3,
  title: 'pushes',
  remedy: 'use the version of Aurochs that made it; without the file nobody knows who had a push this week',
  refusesEmpty: true,
  migrations: { 1: additionsOfTwo, 2: additionsOfThree },
  schema: `
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
    ${slots}
    ${additionsOfTwo}
    ${additionsOfThree}
  `,
}
