import type { DatabaseFormat } from '../storage/sqlite.ts'

/** The name of the file in the directory of a state. */
export const catalogueFile = 'catalogue.db'

/** What version 2 added. `words_of_items` finds whether an item has a word of a range. */
const additions = `
    CREATE INDEX words_of_items ON words (item, word);
    CREATE INDEX items_hidden ON items (number) WHERE hidden <> 0;
    CREATE TABLE boosts (id TEXT PRIMARY KEY, factor REAL NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE pins (id TEXT PRIMARY KEY, place INTEGER NOT NULL, tag TEXT, until INTEGER) STRICT, WITHOUT ROWID;
`

/**
 * `items` by number, which an id keeps even when the item is deleted: what is deleted stays hidden. `tags` and `categories` are JSON, as
 * they were given; `labels` has each once, and `item_labels` which items have it. `words` are those of ids and titles. `boosts` and
 * `pins` are of ids, whether the catalogue has the item or not.
 */
export const catalogueFormat: DatabaseFormat = {
  applicationId: 'aucg',
  version: 2,
  title: 'a catalogue',
  remedy: 'use the version of Aurochs that made it, or import the catalogue into another --state',
  migrations: { 1: additions },
  schema: `
    CREATE TABLE items (
      number INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      title TEXT,
      tags TEXT NOT NULL,
      categories TEXT NOT NULL,
      text TEXT,
      url TEXT,
      available_from INTEGER,
      available_until INTEGER,
      vector BLOB,
      hidden INTEGER NOT NULL,
      deleted INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX items_from ON items (available_from) WHERE available_from IS NOT NULL;
    CREATE INDEX items_until ON items (available_until) WHERE available_until IS NOT NULL;
    CREATE INDEX items_with_vector ON items (number) WHERE vector IS NOT NULL;
    CREATE TABLE labels (
      number INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      name TEXT NOT NULL,
      UNIQUE (kind, name)
    ) STRICT;
    CREATE TABLE item_labels (label INTEGER NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (label, item)) STRICT, WITHOUT ROWID;
    CREATE TABLE words (word TEXT NOT NULL, item INTEGER NOT NULL, PRIMARY KEY (word, item)) STRICT, WITHOUT ROWID;
    CREATE TABLE users (id TEXT PRIMARY KEY, labels TEXT NOT NULL) STRICT, WITHOUT ROWID;
    ${additions}
  `,
}
