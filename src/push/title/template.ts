/**
 * Push titles made of an article by templates: text with slots in braces, as `{title}` or `{author}: {title}`. A slot takes what the
 * article has under that name; `{title|40}` takes 40 characters of it at the most, cut between words. `{{` and `}}` are braces.
 */

/** What a slot may take: text by name. What an article lacks, or is empty, is missing. */
export type SlotValues = Readonly<Record<string, string | undefined>>

export interface Slot {
  readonly name: string
  /** Characters (graphemes) at the most. */
  readonly limit: number
}

/** A template that was read: texts and slots in turn. */
export interface Template {
  readonly text: string
  readonly parts: readonly (string | Slot)[]
}

const slotPattern = /^(?<name>[a-z][a-zA-Z0-9]*)(?:\|(?<limit>[1-9]\d{0,3}))?$/

/** @throws RangeError where braces do not match, or hold no slot. */
export function parseTemplate(text: string): Template {
  const parts: (string | Slot)[] = []
  let literal = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character !== '{' && character !== '}') {
      literal += character
      continue
    }
    if (text[at + 1] === character) {
      literal += character
      at++
      continue
    }
    const end = character === '{' ? text.indexOf('}', at) : -1
    const slot = slotPattern.exec(text.slice(at + 1, Math.max(at, end)))?.groups
    if (!slot) {
      throw new RangeError(
        `the template ${JSON.stringify(text)} must have slots such as {title} or {title|40}, and {{ for a brace, got ${JSON.stringify(text.slice(at, at + 20))}`,
      )
    }
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push({ name: slot.name!, limit: slot.limit === undefined ? Number.POSITIVE_INFINITY : Number(slot.limit) })
    at = end
  }
  if (literal !== '') parts.push(literal)
  return { text, parts }
}

/** The title that a template makes of an article, or the slots that it cannot fill. */
export function fillTemplate(
  { parts }: Template,
  values: SlotValues,
): { readonly title: string } | { readonly missing: readonly string[] } {
  const missing: string[] = []
  let title = ''
  for (const part of parts) {
    if (typeof part === 'string') {
      title += part
      continue
    }
    const value = values[part.name]?.trim().replaceAll(/\s+/gu, ' ') ?? ''
    if (value === '') missing.push(part.name)
    else title += cutBetweenWords(value, part.limit)
  }
  return missing.length > 0 ? { missing: [...new Set(missing)] } : { title: title.trim() }
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Characters as people count them. */
export function lengthOf(text: string): number {
  let count = 0
  for (const _ of graphemes.segment(text)) count++
  return count
}

/** The text, or its first words with an ellipsis, `limit` characters with it at the most; where its first word is longer, a part of that. */
function cutBetweenWords(text: string, limit: number): string {
  if (lengthOf(text) <= limit) return text
  let cut = ''
  for (const { segment, index } of graphemes.segment(text)) {
    if (lengthOf(text.slice(0, index)) >= limit - 1) break
    cut = text.slice(0, index) + segment
  }
  const space = cut.lastIndexOf(' ')
  const isWhole = text[cut.length] === ' '
  return `${(isWhole || space <= 0 ? cut : cut.slice(0, space)).trimEnd()}…`
}
