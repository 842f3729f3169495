/**
 * Errors on their way from a worker. The copy that a message makes of one loses its `code`, a `name` that is not
 * JavaScript's own, and a `message` that is computed, as that of zod: all three, and the stack, cross beside it.
 */
interface ErrorFields {
  readonly name: string
  readonly message: string
  readonly code?: string | number
  readonly stack?: string
}

const classes: Readonly<Record<string, ErrorConstructor>> = { RangeError, SyntaxError, TypeError }

/** `error`, or whatever else was thrown, as an error whose fields survive a copy; `message` takes the place of its own. */
export function portableError(error: unknown, message = messageOf(error)): Error {
  const { name = 'Error', code, stack } = (error ?? {}) as Partial<ErrorFields>
  const fields: ErrorFields = {
    name: String(name),
    message,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(typeof stack === 'string' && { stack }),
  }
  return new Error(message, { cause: { fields } })
}

/** The error that {@link portableError} made portable, without its class where that is not JavaScript's own; else undefined. */
export function errorFrom(copy: unknown): Error | undefined {
  const fields = (copy as { cause?: { fields?: ErrorFields } } | undefined)?.cause?.fields
  if (!fields) return undefined
  const { name, message, ...rest } = fields
  const error = new (classes[name] ?? Error)(message)
  if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return Object.assign(error, rest)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
