import type { Command } from 'commander'
import { type AlsOptions, alsOptions } from '../models/als/options.ts'
import { UsageError } from './command.ts'

const defaults = alsOptions.parse({})

/** Flags of ALS by option, with what they mean: the same wherever it is trained. */
const flags: readonly (readonly [option: keyof AlsOptions, value: string, meaning: string])[] = [
  ['factors', 'k', 'dimensions of the factors, 1 to 1024'],
  ['epochs', 'n', 'passes over the data'],
  ['regularization', 'number', 'λ, what keeps factors small'],
  ['frequencyExponent', 'number', 'ν, how much more of λ frequent rows get: 0 all alike, 1 in proportion'],
  ['unobservedWeight', 'number', 'α₀, the weight of pairs that are not in the data'],
  ['alpha', 'number', 'α, the weight of a unit of observed value'],
  ['confidence', 'name', 'how weights make confidence: ials, implicit or hu'],
  ['solver', 'name', 'auto, or exact for exact solutions in each half-step'],
  ['steps', 'n', 'conjugate-gradient steps a row'],
  ['startDeviation', 'number', 'standard deviation of the first scores'],
  ['seed', 'n', 'seed of the first factors'],
  ['instructions', 'set', 'avx512, avx2, neon or plain (default: the widest here)'],
]

/** Adds the flags of ALS to a command. */
export function addAlsOptions(command: Command): Command {
  for (const [option, value, meaning] of flags) {
    const standard = defaults[option]
    command.option(
      `--${kebab(option)} <${value}>`,
      standard === undefined ? meaning : `${meaning} (default: ${standard})`,
    )
  }
  return command
}

/**
 * What was given by those flags, checked.
 *
 * @throws UsageError naming the flag.
 */
export function parseAlsOptions(given: Readonly<Record<string, unknown>>): AlsOptions {
  const options: Record<string, unknown> = {}
  for (const [option] of flags) {
    const text = given[option]
    if (typeof text !== 'string') continue
    options[option] = text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
  }
  const { data, error } = alsOptions.safeParse(options)
  if (data) return data
  const { path, message } = error.issues[0]!
  const option = path[0] as keyof AlsOptions
  throw new UsageError(`--${kebab(option)} ${given[option]}: ${message}`)
}

function kebab(option: string): string {
  return option.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
}
