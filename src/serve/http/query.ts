import { z } from 'zod'
import { ServiceError } from '../../protocol/errors.ts'

type Parameter = 'number' | 'boolean' | 'list' | 'text'

/**
 * Makes a reader of query strings for the parameters that `schema` describes: numbers and truth values are parsed where
 * the schema expects nothing else, lists are parameters that may be repeated, all else stays text.
 */
export function queryReader(schema: z.ZodType): (query: string) => Record<string, unknown> {
  const kinds = parametersOf(schema)
  return query => {
    const parameters: Record<string, unknown> = {}
    assertEscapes(query)
    for (const [name, value] of new URLSearchParams(query)) {
      const kind = kinds.get(name)
      // Fields of messages that are not known are ignored; but a filter that is misspelt must not give a list without it.
      if (!kind) {
        throw new ServiceError('bad_message', `${name}: expected one of ${[...kinds.keys()].join(', ') || 'none'}`)
      }
      const former = parameters[name]
      if (kind === 'list') parameters[name] = [...((former as string[] | undefined) ?? []), value]
      else if (former !== undefined) throw new ServiceError('bad_message', `${name}: expected once`)
      else parameters[name] = parsed(kind, value)
    }
    return parameters
  }
}

/** Escapes that are no UTF-8 would be read as other text. */
function assertEscapes(query: string): void {
  try {
    decodeURIComponent(query)
  } catch {
    throw new ServiceError('bad_message', 'the query holds a % that is no escape of UTF-8')
  }
}

function parsed(kind: Parameter, value: string): unknown {
  if (kind === 'number' && value.trim() !== '' && !Number.isNaN(Number(value))) return Number(value)
  if (kind === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}

function parametersOf(schema: z.ZodType): Map<string, Parameter> {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const kindOf = (property: unknown): Parameter => {
    const type = typeof property === 'object' && property !== null ? (property as { type?: unknown }).type : undefined
    if (type === 'integer' || type === 'number') return 'number'
    if (type === 'boolean') return 'boolean'
    return type === 'array' ? 'list' : 'text'
  }
  return new Map(Object.entries(properties).map(([name, property]) => [name, kindOf(property)]))
}
