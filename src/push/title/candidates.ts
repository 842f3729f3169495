import { fillTemplate, lengthOf, type SlotValues, type Template } from './template.ts'

/** What a push title must be. */
export interface TitleRules {
  /** Characters, at least and at most. */
  readonly least: number
  readonly most: number
  /** How often a word may come, but for those of one or two letters. */
  readonly repeats: number
  /** Words, or several in a row, that no title has, whatever their case. */
  readonly banned: readonly string[]
}

export const defaultTitleRules: TitleRules = { least: 8, most: 80, repeats: 3, banned: [] }

/** Why a template makes no title of an article. */
export type TitleFault =
  | { readonly kind: 'missing'; readonly slots: readonly string[] }
  | { readonly kind: 'short' | 'long'; readonly length: number }
  | { readonly kind: 'repeated' | 'banned'; readonly word: string }
  | { readonly kind: 'same'; readonly as: string }

export interface TitleCandidates {
  /** In the order of the templates. */
  readonly titles: readonly { readonly template: string; readonly title: string }[]
  readonly faults: readonly { readonly template: string; readonly fault: TitleFault }[]
}

/** The titles that the templates make of an article, each once, and why others make none. */
export function titleCandidates(
  templates: readonly Template[],
  values: SlotValues,
  rules: TitleRules = defaultTitleRules,
): TitleCandidates {
  const titles: { template: string; title: string }[] = []
  const faults: { template: string; fault: TitleFault }[] = []
  for (const template of templates) {
    const filled = fillTemplate(template, values)
    const fault: TitleFault | undefined =
      'missing' in filled ? { kind: 'missing', slots: filled.missing } : faultOf(filled.title, rules)
    if (fault || 'missing' in filled) {
      faults.push({ template: template.text, fault: fault! })
      continue
    }
    const same = titles.find(({ title }) => title === filled.title)
    if (same) faults.push({ template: template.text, fault: { kind: 'same', as: same.template } })
    else titles.push({ template: template.text, title: filled.title })
  }
  return { titles, faults }
}

function faultOf(title: string, { least, most, repeats, banned }: TitleRules): TitleFault | undefined {
  const length = lengthOf(title)
  if (length < least) return { kind: 'short', length }
  if (length > most) return { kind: 'long', length }
  const words = wordsOf(title)
  const spaced = ` ${words.join(' ')} `
  const found = banned.find(each => spaced.includes(` ${wordsOf(each).join(' ')} `))
  if (found !== undefined) return { kind: 'banned', word: found }
  const counts = new Map<string, number>()
  for (const word of words) {
    const count = (counts.get(word) ?? 0) + 1
    counts.set(word, count)
    if (count > repeats && lengthOf(word) > 2) return { kind: 'repeated', word }
  }
  return undefined
}

const segments = new Intl.Segmenter(undefined, { granularity: 'word' })

/** In lower case, without what stands between them. */
function wordsOf(text: string): string[] {
  return [...segments.segment(text.normalize('NFKC').toLowerCase())].flatMap(({ segment, isWordLike }) =>
    isWordLike ? segment : [],
  )
}
