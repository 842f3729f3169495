import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { tokensOf } from '../words/tokens.ts'

/** Words of a title that are found, and characters of each. */
const mostWords = 64
const longestWord = 64

/** What an item is found by. */
export interface Titled {
  readonly id: string
  readonly title: string | null
}

/** The words by which items are found: those of the title and of the id. */
export function searchWords(text: string): string[] {
  const words = tokensOf(text).map(word => word.slice(0, longestWord))
  return [...new Set(words)].slice(0, mostWords)
}

/** Which items have which words: a table, since not every Node has SQLite's search of full text. */
export class TitleIndex {
  readonly #add: StatementSync
  readonly #remove: StatementSync

  constructor(database: DatabaseSync) {
    this.#add = database.prepare('INSERT OR IGNORE INTO words VALUES (?, ?)')
    this.#remove = database.prepare('DELETE FROM words WHERE word = ? AND item = ?')
  }

  /** The item of this number is found by what `after` says, no longer by what `before` did. */
  replace(item: number, before: Titled | undefined, after: Titled | undefined): void {
    if (before && after && before.title === after.title) return
    const [former, next] = [new Set(wordsOf(before)), new Set(wordsOf(after))]
    for (const word of next) if (!former.has(word)) this.#add.run(word, item)
    for (const word of former) if (!next.has(word)) this.#remove.run(word, item)
  }
}

function wordsOf(item: Titled | undefined): string[] {
  return item ? [...searchWords(item.title ?? ''), ...searchWords(item.id)] : []
}
