import { z } from 'zod'
import type { Algorithm } from '../../algorithm.ts'
import { weightingIn, weightingOptions } from '../../weighting/options.ts'
import { partsOption } from '../parts/options.ts'
import { type Part, partsWith } from '../parts/parts.ts'

export function contextTasteOptions(algorithms: readonly Algorithm[]) {
  return z.strictObject({
    parts: partsOption(algorithms, {
      standard: 'transitions + session-neighbours + als + trending + popular',
      isWeighted: false,
    }),
    depth: z.int().min(20).max(10_000).default(100).describe('best items of each part that are put together, at least'),
    gate: z
      .enum(['moment', 'fixed'])
      .default('moment')
      .describe('whether parts are weighed by what is known of the moment, or alike at all moments'),
    gateShare: z
      .number()
      .min(0.001)
      .max(0.5)
      .default(0.05)
      .describe(
        'share of the events, the latest, that the gate learns from, by parts that are trained on those before',
      ),
    gateEvents: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(20_000)
      .describe('how many of these are looked at, at the most'),
    ...weightingOptions,
  })
}

export type ContextTasteOptions = Readonly<z.output<ReturnType<typeof contextTasteOptions>>>

export function partsIn(options: ContextTasteOptions, algorithms: readonly Algorithm[]): Part[] {
  return partsWith(options.parts, weightingIn(options), algorithms)
}
