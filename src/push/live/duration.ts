import { z } from 'zod'
import { asGiven } from '../../storage/expectation.ts'

const milliseconds = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A time such as `30s`, `15m`, `4h` or `7d`, in ms. */
export const duration = z.string().transform((text, context) => {
  const [, number, unit] = /^(\d{1,6}(?:\.\d+)?)([smhd])$/.exec(text) ?? []
  const time = Math.round(Number(number) * milliseconds[unit as keyof typeof milliseconds])
  if (time >= 1) return time
  context.addIssue(`must be a time such as 30s, 15m, 4h or 7d, got ${asGiven(text)}`)
  return z.NEVER
})
