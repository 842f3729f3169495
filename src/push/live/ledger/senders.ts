import { z } from 'zod'
import { type ApnsOptions, apnsSender } from '../../send/senders/apns.ts'
import { attemptsOf } from '../../send/senders/attempts.ts'
import { type FcmOptions, fcmSender } from '../../send/senders/fcm.ts'
import { type FileOptions, fileSender } from '../../send/senders/file.ts'
import type { Sender } from '../../send/senders/sender.ts'
import { type WebPushOptions, webPushSender } from '../../send/senders/web-push.ts'
import { type WebhookOptions, webhookSender } from '../../send/senders/webhook.ts'

/** A sender as a thread is told of it: secrets in place. */
export type SenderOptions =
  | ({ readonly type: 'webhook' } & WebhookOptions)
  | ({ readonly type: 'web-push' } & WebPushOptions)
  | ({ readonly type: 'fcm' } & FcmOptions)
  | ({ readonly type: 'apns' } & ApnsOptions)
  | ({ readonly type: 'file' } & FileOptions)

/** @throws TypeError or RangeError naming the sender and the option. */
export function openSenders(options: Readonly<Record<string, SenderOptions>>): Record<string, Sender> {
  return Object.fromEntries(Object.entries(options).map(([name, given]) => [name, openSender(name, given)]))
}

function openSender(name: string, options: SenderOptions): Sender {
  try {
    return senderOf(options)
  } catch (error) {
    throw new TypeError(`senders.${name}: ${(error as Error).message}`)
  }
}

/** Checks secrets and how they fit together, which only the sender knows. @throws TypeError or RangeError naming the option. */
export function assertSender(options: SenderOptions): void {
  // Opening a file makes it.
  if (options.type !== 'file') void senderOf(options).close?.()
  else attemptsOf(options)
}

function senderOf({ type, ...options }: SenderOptions): Sender {
  switch (type) {
    case 'webhook':
      return webhookSender(options as WebhookOptions)
    case 'web-push':
      return webPushSender(options as WebPushOptions)
    case 'fcm':
      return fcmSender(options as FcmOptions)
    case 'apns':
      return apnsSender(options as ApnsOptions)
    case 'file':
      return fileSender(options as FileOptions)
  }
}

/** A secret stands in a file or in a variable of the environment, never in the configuration itself. */
export const secretSchema = z.union(
  [z.strictObject({ file: z.string().min(1) }), z.strictObject({ env: z.string().min(1) })],
  {
    error: 'must be {"file": PATH} or {"env": NAME}: secrets do not stand in the configuration',
  },
)
export type SecretSource = z.infer<typeof secretSchema>

const attempts = {
  concurrency: z.int().min(1).max(10_000).optional(),
  timeout: z.int().min(1).optional(),
  first: z.int().min(1).optional(),
  longest: z.int().min(1).optional(),
}
const url = z.url({ protocol: /^https?$/ })
/** A file of certificates in PEM that are trusted beside those of Node. */
const ca = z.strictObject({ file: z.string().min(1) }).optional()

/** A sender as the configuration has it. */
export const senderSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('webhook'), url, secret: secretSchema, ca, ...attempts }),
  z.strictObject({
    type: z.literal('web-push'),
    vapid: z.strictObject({ subject: z.string().min(1), publicKey: z.string().min(1), privateKey: secretSchema }),
    hosts: z.array(z.string().min(1)).min(1).optional(),
    ca,
    ...attempts,
  }),
  /** `account`: the JSON of a service account. */
  z.strictObject({ type: z.literal('fcm'), account: secretSchema, url: url.optional(), ca, ...attempts }),
  /** `key`: the .p8 file. */
  z.strictObject({
    type: z.literal('apns'),
    key: secretSchema,
    keyId: z.string().min(1),
    teamId: z.string().min(1),
    topic: z.string().min(1),
    url: url.optional(),
    ca,
    ...attempts,
  }),
  z.strictObject({
    type: z.literal('file'),
    file: z.string().min(1),
    first: attempts.first,
    longest: attempts.longest,
  }),
])

/** Puts secrets and files in place. `read` gives what a secret holds. */
export function resolveSender(
  given: z.infer<typeof senderSchema>,
  read: (secret: SecretSource) => string,
): SenderOptions {
  const certificates = 'ca' in given && given.ca ? { ca: read(given.ca) } : {}
  switch (given.type) {
    case 'file':
      return given as SenderOptions
    case 'webhook':
      return { ...given, secret: read(given.secret), ...certificates } as SenderOptions
    case 'web-push':
      return {
        ...given,
        vapid: { ...given.vapid, privateKey: read(given.vapid.privateKey) },
        ...certificates,
      } as SenderOptions
    case 'fcm':
      return { ...given, account: accountOf(read(given.account)), ...certificates } as SenderOptions
    case 'apns':
      return { ...given, key: read(given.key), ...certificates } as SenderOptions
  }
}

/** What it must have is checked by the sender. */
function accountOf(text: string): FcmOptions['account'] {
  try {
    return JSON.parse(text) as FcmOptions['account']
  } catch (error) {
    throw new TypeError(
      `account must be the JSON file of a service account, as the console of Firebase gives it: ${(error as Error).message}`,
    )
  }
}
