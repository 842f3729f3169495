import { z } from 'zod'
import { isStorable } from '../../events/event.ts'
import { mustBe } from '../../storage/expectation.ts'
import { isTimeZone } from '../data/local-time.ts'

const clock = /^([01]\d|2[0-3]):([0-5]\d)$/
const timeOfDay = z.string().refine(text => clock.test(text), mustBe('a time of day from 00:00 to 23:59'))
const time = z.int().min(0)
const storable = mustBe('text without NUL and half surrogates')

/** What the ledger is told of a user. What is left out stays as it is; of a new user it is the default. */
export const pushUser = z.strictObject({
  id: z.string().min(1).max(512).refine(isStorable, storable),
  /** The sender and the address there: a token, a URL, or a subscription of the Push API as JSON. Null: none any more. */
  channel: z
    .strictObject({
      sender: z.string().min(1).max(64).refine(isStorable, storable),
      address: z.string().min(1).max(8192).refine(isStorable, storable),
    })
    .nullable()
    .optional(),
  /** IANA time zone. Default: UTC. */
  zone: z.string().refine(isTimeZone, mustBe('a time zone such as Asia/Seoul')).optional(),
  /** No push is sent between these times of the zone; none are quiet where both are the same. Default: those of the ledger. */
  quiet: z.strictObject({ from: timeOfDay, until: timeOfDay }).nullable().optional(),
  /** Gets no push while this is true. Default: false. */
  optedOut: z.boolean().optional(),
  /** In ms since 1970. */
  lastVisit: time.optional(),
  /** The name of the group whose usual CTR is presumed of users with few pushes, as a country; 255 of them at most. Default: one of all others. */
  segment: z.string().min(1).max(64).refine(isStorable, storable).optional(),
})
export type PushUser = z.infer<typeof pushUser>

/** Minutes since midnight of a time such as 22:30. */
export function minutesOf(text: string): number {
  const [, hours, minutes] = clock.exec(text)!
  return Number(hours) * 60 + Number(minutes)
}
