import type { DatabaseSync } from 'node:sqlite'
import type { DatabaseFormat } from '../storage/sqlite.ts'

/** The name of the file in the directory of a state. */
export const eventsFile = 'events.db'

/** Undos are few, and must be found whatever they take back. */
const undos = 'CREATE INDEX IF NOT EXISTS undos ON events (user, position) WHERE undo IS NOT NULL;'

/** What takes an event back is found by the id of that. */
const undosByTarget = 'CREATE INDEX undos_by_target ON events (user, undo) WHERE undo IS NOT NULL;'

const identity = `INSERT INTO state SELECT 'journal', lower(hex(randomblob(8)));`

/** Ids of events that were removed, so that these are known when they are sent again. */
const removed = `
  CREATE TABLE removed (
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (user, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX removed_by_arrival ON removed (arrived);
`

/** What users were shown since their last events on it, and ids of impressions, so that these are known when they are sent again. */
const shown = `
  CREATE TABLE shown (
    user TEXT NOT NULL,
    item TEXT NOT NULL,
    count REAL NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (user, item)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE impressions (
    user TEXT NOT NULL,
    id TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (user, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX impressions_by_arrival ON impressions (arrived);
`

/** Of users who do not come again, what they were shown is removed by its age. */
const shownByTime = 'CREATE INDEX shown_by_time ON shown (time);'

export const eventsFormat: DatabaseFormat = {
  applicationId: 'auro',
  version: 6,
  title: 'events',
  remedy: 'use the version of Aurochs that made it, or name another --state, which `aurochs serve` makes anew',
  schema: `
    CREATE TABLE events (
      position INTEGER PRIMARY KEY,
      user TEXT NOT NULL,
      id TEXT NOT NULL,
      item TEXT,
      weight REAL NOT NULL,
      time INTEGER NOT NULL,
      arrived INTEGER NOT NULL,
      kind TEXT,
      list TEXT,
      undo TEXT,
      UNIQUE (user, id),
      CHECK ((item IS NULL) <> (undo IS NULL))
    ) STRICT;
    CREATE TABLE state (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
    INSERT INTO state VALUES ('probes', 0), ('position', 0), ('removed', 0);
    ${undos}
    ${undosByTarget}
    ${removed}
    ${shown}
    ${shownByTime}
    ${identity}
  `,
  migrations: {
    5: undosByTarget,
    4: shownByTime,
    // The first files of version 3 were made without the index of undos.
    3: `${undos} ${shown}`,
    2: `
      ALTER TABLE state RENAME TO former;
      CREATE TABLE state (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT;
      INSERT INTO state SELECT * FROM former;
      DROP TABLE former;
      INSERT INTO state VALUES ('position', (SELECT coalesce(max(position), 0) FROM events)), ('removed', 0);
      ${undos}
      ${removed}
      ${identity}
    `,
  },
}

/** What the state calls the decision of `EventStore.positionBefore`. */
export function sinceName(since: number): string {
  return `since ${since}`
}

/** What the state calls how soon showings are forgotten, once a server has said so. */
export const halfLifeName = 'impression half-life'

/** What the table `state` of an events file has under `name`, one of those that it has from the beginning. */
export function stateOf(database: DatabaseSync, name: string): number | string {
  return (database.prepare('SELECT value FROM state WHERE name = ?').get(name) as { value: number | string }).value
}
