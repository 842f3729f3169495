import { type Codec, check } from '../../protocol/codec.ts'
import { ServiceError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { type ClientMessage, type ClientMessageType, clientMessages } from '../../protocol/messages.ts'

export type MessageOf<Type extends ClientMessageType> = Extract<ClientMessage, { type: Type }>

/** What an answer refers to. */
export interface Reference {
  readonly request?: number | undefined
  readonly id?: string | undefined
  readonly subscription?: number | undefined
}

/**
 * The value in a frame.
 *
 * @throws {ServiceError} `too_large`, `wrong_encoding`, `bad_message`
 */
export function decodeFrame(codec: Codec, bytes: Uint8Array, isBinary: boolean): unknown {
  if (bytes.length > limits.messageBytes) {
    throw new ServiceError(
      'too_large',
      `expected at most ${limits.messageBytes} bytes in a message, got ${bytes.length}`,
    )
  }
  if (isBinary !== codec.binary) {
    const [expected, got] = codec.binary ? ['a binary', 'text'] : ['a text', 'a binary one']
    throw new ServiceError('wrong_encoding', `${codec.subprotocol} expects ${expected} frame, got ${got}`)
  }
  return codec.decode(bytes)
}

/** @throws {ServiceError} `unknown_type`, `bad_message` */
export function messageOf(value: unknown): ClientMessage {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined
  if (typeof type !== 'string') throw new ServiceError('bad_message', 'expected a map with a type')
  if (!Object.hasOwn(clientMessages, type)) {
    const known = Object.keys(clientMessages).join(', ')
    throw new ServiceError('unknown_type', `expected a message of type ${known}, got ${type.slice(0, 40)}`)
  }
  return check(clientMessages[type as ClientMessageType], value)
}

/** What a message that is refused names, so that its sender knows which one it was. */
export function referenceOf(value: unknown): Reference {
  if (typeof value !== 'object' || value === null) return {}
  const { type, request, id, subscription } = value as Record<string, unknown>
  return {
    request: isNumber(request) ? request : undefined,
    id: type === 'event' && typeof id === 'string' && id.length <= limits.idLength ? id : undefined,
    subscription: isNumber(subscription) ? subscription : undefined,
  }
}

function isNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
