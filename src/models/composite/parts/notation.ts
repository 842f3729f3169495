/**
 * A sum of models as text: `als(factors=128, unobserved-weight=0.03) + 0.5 * graph-filter`. Options are named as in flags or as in
 * the library; those left out have their defaults, as has the weight, which is 1.
 */

/** One model of a sum. */
export interface WrittenPart {
  /** Name of its algorithm. */
  readonly model: string
  /** Default: 1. */
  readonly weight?: number | undefined
  /** Options of the algorithm, by their names in the library. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

const mostWeight = 1_000_000

/** A `+` that is not within parentheses. */
const plus = /\+(?![^(]*\))/
const pattern = /^\s*(?:(?<weight>[^\s*()]+)\s*\*)?\s*(?<model>[a-z][\w-]*)\s*(?:\((?<options>[^()]*)\))?\s*$/

/** @throws RangeError saying what is wrong with which part. */
export function parseParts(text: string): WrittenPart[] {
  return text.split(plus).map(each => {
    const { weight, model, options = '' } = each.match(pattern)?.groups ?? {}
    if (model === undefined) {
      throw new RangeError(
        `${each.trim() || 'nothing'} is no part: expected WEIGHT * MODEL(OPTION=VALUE, OPTION=VALUE)`,
      )
    }
    if (weight !== undefined && !(Number(weight) > 0 && Number(weight) <= mostWeight)) {
      throw new RangeError(`the weight of ${model} must be a number above 0 to ${mostWeight}, got ${weight}`)
    }
    return { model, weight: Number(weight ?? 1), options: parseOptions(model, options) }
  })
}

export function formatParts(parts: readonly WrittenPart[]): string {
  return parts
    .map(({ model, weight = 1, options = {} }) => {
      const given = Object.entries(options).filter(([, value]) => value !== undefined)
      const named = given.map(([name, value]) => `${kebab(name)}=${value}`).join(', ')
      return `${weight === 1 ? '' : `${weight} * `}${model}${named && `(${named})`}`
    })
    .join(' + ')
}

function parseOptions(model: string, text: string): Readonly<Record<string, unknown>> {
  const options: Record<string, unknown> = {}
  if (text.trim() === '') return options
  for (const each of text.split(',')) {
    const [name, value, ...more] = each.split('=').map(word => word.trim())
    if (!name || !value || more.length > 0) {
      throw new RangeError(`of ${model}, ${each.trim() || 'nothing'} is no option: expected OPTION=VALUE`)
    }
    const key = camel(name)
    if (key in options) throw new RangeError(`of ${model}, ${name} is given twice`)
    options[key] = optionValue(value)
  }
  return options
}

function optionValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return Number.isNaN(Number(text)) ? text : Number(text)
}

function camel(name: string): string {
  return name.replace(/-([a-z\d])/g, (_, letter: string) => letter.toUpperCase())
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
