import { z } from 'zod'
import { native } from '../../native.ts'

/** An instruction set by name. */
export const instructions = z
  .enum(['avx512vnni', 'avx512', 'avx2', 'neon', 'plain'])
  .optional()
  .describe('instruction set; the widest of the processor when absent')

type Instructions = z.output<typeof instructions>

/**
 * The options with an instruction set: theirs, or the `recorded` one, or the widest that training uses. (VNNI multiplies
 * bytes, which it does not.)
 *
 * @throws RangeError when this processor does not have it.
 */
export function withInstructions<Options extends { readonly instructions?: Instructions }>(
  options: Options,
  recorded?: Options,
): Options {
  const known = native.instructionSets() as NonNullable<Instructions>[]
  const chosen = options.instructions ?? recorded?.instructions ?? known.find(name => name !== 'avx512vnni')!
  if (known.includes(chosen)) return { ...options, instructions: chosen }
  throw new RangeError(
    `instructions must be one of ${known.join(', ')}, which this processor has, got ${chosen}: ` +
      'train on one that has them, or anew with others',
  )
}
