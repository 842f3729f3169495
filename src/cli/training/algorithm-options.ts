/** Flags of algorithms, made from the schemas of their options. */
import { type Command, Option } from 'commander'
import type { Algorithm } from '../../models/algorithm.ts'
import { algorithms } from '../../models/registry.ts'
import { asGiven, expectationOf, type JsonSchema, jsonSchemaOf, saysAll } from '../../storage/expectation.ts'
import { UsageError } from '../command.ts'

interface Flag {
  /** Key of the option. */
  readonly key: string
  readonly meaning: string
  /** The values it may have, where they are few. */
  readonly choices: readonly string[]
  /** What is accepted, for people: `a whole number from 1 to 1024`. */
  readonly expected: string | undefined
  readonly standard: unknown
  readonly type: unknown
}

/** A flag of the algorithm `name`. */
interface Owned {
  readonly name: string
  readonly flag: Flag
}

/**
 * Adds the flags of all algorithms to a command, or of some, each under the title of the first algorithm that has it. The help shows those of
 * the models that the command line names, where it names some.
 */
export function addAlgorithmOptions(command: Command, some: readonly Algorithm[] = algorithms): void {
  const owners = new Map<string, Owned[]>()
  for (const { name, options } of some) {
    for (const flag of flagsOf(options)) owners.set(flag.key, [...(owners.get(flag.key) ?? []), { name, flag }])
  }
  const shown = new Set(algorithmsToShow().map(({ name }) => name))
  for (const { name } of some) {
    for (const all of [...owners.values()].filter(([first]) => first!.name === name)) {
      const visible = all.filter(owned => shown.has(owned.name))
      const option = new Option(syntax(all[0]!.flag), descriptionOf(visible.length > 0 ? visible : all))
      command.optionsGroup(`Training of ${visible[0]?.name ?? name}:`)
      command.addOption(visible.length > 0 ? option : option.hideHelp())
    }
  }
}

/** What the help says of each algorithm after the flags. */
export function algorithmNotes(): string {
  const shown = algorithmsToShow()
  const summaries = algorithms.map(({ name, summary }) => `  ${name.padEnd(12)} ${summary}`)
  const notes = shown.flatMap(({ notes }) => (notes === undefined ? [] : [notes]))
  const only =
    shown.length === algorithms.length ? '\nWith --model NAME --help shows the options of that one alone.\n' : ''
  return `\nAlgorithms:\n${summaries.join('\n')}\n${only}\n${notes.join('\n\n')}\n`
}

/** Those that the command line names after `--model`, or all. */
function algorithmsToShow(): readonly Algorithm[] {
  const named = process.argv.flatMap((arg, at, args) => {
    if (arg.startsWith('--model=')) return arg.slice('--model='.length).split(',')
    return args[at - 1] === '--model' ? arg.split(',') : []
  })
  const found = algorithms.filter(({ name }) => named.includes(name))
  return found.length > 0 ? found : algorithms
}

/**
 * The options that were given by flags for those of `chosen`, by algorithm, checked.
 *
 * @throws UsageError naming a flag whose value is wrong, or which none of `chosen` has.
 */
export function parseAlgorithmOptions(
  chosen: readonly Algorithm[],
  given: Readonly<Record<string, unknown>>,
): Map<Algorithm, Readonly<Record<string, unknown>>> {
  refuseForeign(chosen, given)
  return new Map(chosen.map(algorithm => [algorithm, parseFlags(algorithm.options, given)]))
}

/** Adds a flag for each of `options` to a command. */
export function addFlags(command: Command, options: Algorithm['options']): void {
  for (const flag of flagsOf(options)) command.option(syntax(flag), description(flag))
}

/** Those of `options` that were given by flags, checked. @throws UsageError naming a flag whose value is wrong. */
export function parseFlags(
  options: Algorithm['options'],
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const wanted: Record<string, unknown> = {}
  for (const { key, type } of flagsOf(options)) {
    const value = given[key]
    if (value === undefined) continue
    wanted[key] = type === 'object' ? recordOf(value) : numberIn(value)
  }
  const { error } = options.safeParse(wanted)
  if (!error) return wanted
  const [issue] = error.issues
  const key = String(issue.path[0])
  if (saysAll(issue)) throw new UsageError(`--${kebab(key)} ${issue.message}`)
  const flag = flagsOf(options).find(flag => flag.key === key)
  throw new UsageError(`--${kebab(key)} must be ${flag?.expected}, got ${asGiven(given[key])}`)
}

/** A flag of an algorithm that is not trained would have no effect. */
function refuseForeign(chosen: readonly Algorithm[], given: Readonly<Record<string, unknown>>): void {
  const known = new Set(chosen.flatMap(({ options }) => Object.keys(options.shape)))
  for (const { options } of algorithms) {
    const foreign = Object.keys(options.shape).find(key => given[key] !== undefined && !known.has(key))
    if (foreign === undefined) continue
    const names = chosen.map(algorithm => algorithm.name).join(' and ') || 'a saved model'
    const owners = algorithms.filter(({ options }) => foreign in options.shape).map(({ name }) => name)
    const remedies = ['leave it out', `train ${owners.length > 1 ? 'one of these' : owners[0]}`]
    if (chosen.some(({ parts }) => parts)) {
      remedies.push(`give it to a part: --parts '${owners[0]}(${kebab(foreign)}=${given[foreign]}) + …'`)
    }
    const last = remedies.pop()
    throw new UsageError(
      `--${kebab(foreign)} is an option of ${owners.join(', ')}, not of ${names}: ${remedies.join(', ')}, or ${last}`,
    )
  }
}

/** `options` as they are typed: `--factors 64 --epochs 15`. */
export function flagsText(options: Readonly<Record<string, unknown>>): string {
  return flagArguments(options).map(asTyped).join(' ')
}

/** `options` as a process is given them: `['--factors', '64', '--epochs', '15']`. */
export function flagArguments(options: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(options).flatMap(([key, value]) =>
    value === true ? `--${kebab(key)}` : [`--${kebab(key)}`, textOf(value)],
  )
}

/** The number that a text is, or what it was. */
function numberIn(value: unknown): unknown {
  const isNumeric = typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))
  return isNumeric ? Number(value) : value
}

/** `view=0.2,buy=3` as a record; a text of another form as it is. */
function recordOf(value: unknown): unknown {
  const parts = String(value)
    .split(',')
    .map(part => /^(.+)=([^=]+)$/.exec(part))
  return parts.every(part => part !== null)
    ? Object.fromEntries(parts.map(part => [part[1]!.trim(), numberIn(part[2])]))
    : value
}

function textOf(value: unknown): string {
  const isRecord = typeof value === 'object' && value !== null
  return isRecord
    ? Object.entries(value)
        .map(([name, number]) => `${name}=${number}`)
        .join(',')
    : `${value}`
}

/** In quotes where a shell would make something else of it. */
function asTyped(text: string): string {
  return /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function flagsOf(options: Algorithm['options']): Flag[] {
  const defaults = options.parse({}) as Readonly<Record<string, unknown>>
  const { properties = {} } = jsonSchemaOf(options)
  return Object.entries(properties).map(([key, property]) => {
    const schema = property as JsonSchema
    const { description = '', enum: choices = [], type } = schema
    return {
      key,
      meaning: description,
      choices: choices.map(String),
      expected: expectationOf(schema),
      standard: defaults[key],
      type,
    }
  })
}

function syntax({ key, choices, type }: Flag): string {
  if (type === 'boolean') return `--${kebab(key)}`
  if (type === 'object') return `--${kebab(key)} <name=number,...>`
  if (type === 'string' && choices.length === 0) return `--${kebab(key)} <text>`
  return `--${kebab(key)} <${choices.length > 0 ? 'name' : 'number'}>`
}

function description(flag: Flag): string {
  return `${named(flag)}${defaultOf(flag)}`
}

/** What a flag is that several algorithms have: of the first, and of the others where they differ. */
function descriptionOf([first, ...others]: readonly Owned[]): string {
  const differing = others.filter(({ flag }) => description(flag) !== description(first!.flag))
  const notes = differing.map(({ name, flag }) => {
    const meaning = named(flag) === named(first!.flag) ? '' : ` ${named(flag)}`
    return `; ${name}:${meaning}${defaultOf(flag)}`
  })
  return `${description(first!.flag)}${notes.join('')}`
}

function named({ meaning, choices }: Flag): string {
  const listed = choices.length > 0 && !choices.every(choice => meaning.includes(choice))
  return listed ? `${meaning}: ${choices.join(', ')}` : meaning
}

function defaultOf({ standard }: Flag): string {
  return standard === undefined ? '' : ` (default: ${standard})`
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
