import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type SearchQuery, searchItems } from '../../src/catalogue/search.ts'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { searchWords } from '../../src/catalogue/title-index.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'

const now = 1_000_000

test('whatever is looked for, the pages together have what has all of it, in order, and each looks at few', () => {
  const seed = 4
  const random = randomNumbers(seed)
  const below = (end: number) => Math.floor(random() * end)
  const some = (names: readonly string[]) => names.filter(() => below(3) === 0)
  const [words, tags] = [
    ['a', 'ab', 'abc', 'abd', 'b', 'bc', 'c'],
    ['x', 'y', 'z'],
  ]
  const file = join(freshFolder(), 'catalogue.db')
  const store = new CatalogueStore(file)
  const items = Array.from({ length: 300 }, (_, at) => ({
    id: `i${at}`,
    title: some(words).join(' '),
    tags: some(tags),
    categories: some(['k', 'l']),
    hidden: below(4) === 0,
    ...(below(4) === 0 && { availableFrom: now + (below(2) ? 1 : -1) * below(9) }),
    ...(below(4) === 0 && { availableUntil: now + (below(2) ? 1 : -1) * below(9) }),
    vector: [1],
  }))
  store.put(items)
  store.delete(items.filter((_, at) => at % 17 === 0).map(({ id }) => id))
  const database = new DatabaseSync(file, { readOnly: true })
  const isPublic = ({ hidden, availableFrom = 0, availableUntil = Number.POSITIVE_INFINITY }: (typeof items)[number]) =>
    !hidden && availableFrom <= now && now < availableUntil
  for (let run = 0; run < 40; run++) {
    const given: Omit<SearchQuery, 'limit'> = {
      text: Array.from({ length: below(3) }, () => words[below(words.length)]).join(' '),
      ...(below(3) === 0 && { hidden: below(2) === 0 }),
      ...(below(3) === 0 && { publicAt: now }),
      ...(below(3) === 0 && { tags: some([...tags, 'none']) }),
      ...(below(4) === 0 && { allTags: some(tags) }),
      ...(below(4) === 0 && { noTags: some(tags) }),
      ...(below(4) === 0 && { categories: ['k'] }),
    }
    const asked = searchWords(given.text!)
    const expected = items.filter((item, at) => {
      const own = [...searchWords(item.title), item.id]
      return (
        at % 17 !== 0 &&
        asked.slice(0, -1).every(word => own.includes(word)) &&
        (asked.length === 0 || own.some(word => word.startsWith(asked.at(-1)!))) &&
        (given.hidden === undefined || given.hidden === item.hidden) &&
        (given.publicAt === undefined || isPublic(item)) &&
        (!given.tags || given.tags.some(tag => item.tags.includes(tag))) &&
        (given.allTags ?? []).every(tag => item.tags.includes(tag)) &&
        !(given.noTags ?? []).some(tag => item.tags.includes(tag)) &&
        (!given.categories || item.categories.includes('k'))
      )
    })
    for (const most of [7, 50_000]) {
      const found: string[] = []
      let pages = 0
      for (let after: number | undefined = 0; after !== undefined; pages++) {
        const page = searchItems(database, { ...given, after, limit: 5 }, most)
        expect(page.items.length).toBeLessThanOrEqual(5)
        if (given.publicAt !== undefined) expect(page.items.some(({ vector }) => vector)).toBe(false)
        found.push(...page.items.map(({ id }) => id))
        after = page.next
      }
      expect(found, `seed ${seed}, ${JSON.stringify(given)}, ${most}`).toEqual(expected.map(({ id }) => id))
      if (most > items.length) expect(pages).toBe(Math.max(1, Math.ceil(expected.length / 5)))
    }
  }
  database.close()
  store.close()
})

test('a catalogue of the version before is read, and searched as a new one', () => {
  const file = join(freshFolder(), 'catalogue.db')
  const store = new CatalogueStore(file)
  store.put([{ id: 'a', title: 'Old song', hidden: true }])
  store.close()
  const former = new DatabaseSync(file)
  former.exec(
    'DROP INDEX words_of_items; DROP INDEX items_hidden; DROP TABLE boosts; DROP TABLE pins; PRAGMA user_version = 1',
  )
  former.close()
  const again = new CatalogueStore(file)
  expect(again.search({ text: 'old so', hidden: true, limit: 1 }).items).toMatchObject([{ id: 'a' }])
  expect(again.boost(['a'], 2)).toEqual([['a', { boost: 2 }]])
  again.close()
})
