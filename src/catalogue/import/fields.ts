/** From the text of a row's columns to what is known of an item. */
import { asGiven } from '../../storage/expectation.ts'
import { assertItem, type ItemPatch } from '../item.ts'

/** What a column may hold, and the names under which it is looked for where none is given. */
export const itemColumns = {
  id: ['id', 'item', 'item_id', 'itemId', 'key'],
  title: ['title', 'name'],
  tags: ['tags', 'genres', 'keywords'],
  categories: ['categories', 'category'],
  text: ['text', 'description'],
  url: ['url', 'link'],
  availableFrom: ['available_from', 'availableFrom'],
  availableUntil: ['available_until', 'availableUntil'],
  vector: ['vector', 'embedding'],
  hidden: ['hidden'],
} as const

export type ItemColumn = keyof typeof itemColumns

/** The texts of a row by what they are; null where a column has nothing. */
export type ItemTexts = { readonly [Name in ItemColumn]?: string | null }

/**
 * The item of a row: each field that there is a column of, null where that has nothing. Lists are JSON, or text with `separator`
 * between two values.
 *
 * @throws Error naming the field, what was expected and what came.
 */
export function itemOfTexts({ id, ...texts }: ItemTexts, separator: string): ItemPatch {
  if (id === undefined || id === null || id === '') throw new Error('id: expected text, got nothing')
  const patch: Record<string, unknown> = { id }
  for (const [field, text] of Object.entries(texts)) {
    try {
      patch[field] = text === null || text === '' ? null : parsers[field as keyof typeof parsers](text, separator)
    } catch (error) {
      throw new Error(`${field}: ${(error as Error).message}`)
    }
  }
  assertItem(patch as ItemPatch)
  return patch as ItemPatch
}

const asText = (text: string) => text

const parsers: {
  readonly [Name in Exclude<ItemColumn, 'id'>]: (text: string, separator: string) => NonNullable<ItemPatch[Name]>
} = {
  title: asText,
  text: asText,
  url: asText,
  tags: labelsOf,
  categories: labelsOf,
  availableFrom: timeOf,
  availableUntil: timeOf,
  vector: vectorOf,
  hidden: truthOf,
}

function labelsOf(text: string, separator: string): string[] {
  const list = text.startsWith('[') ? jsonList(text) : text.split(separator)
  return [...new Set(list.map(label => String(label).trim()).filter(Boolean))]
}

function vectorOf(text: string, separator: string): number[] {
  const list = text.startsWith('[')
    ? jsonList(text)
    : text.trim().split(text.includes(separator) ? separator : /[\s,;]+/)
  const numbers = list.map(value => (value === '' || value === null ? Number.NaN : Number(value)))
  const wrong = numbers.findIndex(number => !Number.isFinite(number))
  if (wrong >= 0) throw new Error(`expected numbers, got ${asGiven(String(list[wrong]))} at place ${wrong}`)
  return numbers
}

function jsonList(text: string): unknown[] {
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list
  } catch {}
  throw new Error(`expected a list in JSON, got ${asGiven(text.slice(0, 60))}`)
}

/** Numbers are ms since 1970, or s where they are that small; text is ISO 8601, in UTC where it names no zone. */
export function timeOf(text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) {
    const number = Number(text)
    return Math.round(Math.abs(number) < 1e11 ? 1000 * number : number)
  }
  const [, day, time = 'T00:00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:([ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i.exec(text) ?? []
  const found = Date.parse(`${day}${time.replace(' ', 'T')}${/^[+-]\d\d$/.test(zone) ? `${zone}:00` : zone}`)
  if (Number.isNaN(found))
    throw new Error(`expected a time such as 2024-05-31T18:30:00Z or a number since 1970, got ${asGiven(text)}`)
  return found
}

export function truthOf(text: string): boolean {
  if (/^(true|1|yes)$/i.test(text)) return true
  if (/^(false|0|no)$/i.test(text)) return false
  throw new Error(`expected true or false, got ${asGiven(text)}`)
}
