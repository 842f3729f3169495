/** What schemas expect, in words: `must be …, got …`, for messages about options and manifests. */
import { z } from 'zod'

export type JsonSchema = z.core.JSONSchema.JSONSchema

/**
 * The first thing in `value` that `schema` refuses, as `factors must be a whole number from 1 to 1024, got 0`, or
 * undefined where there is none.
 *
 * @param schema of what JSON can hold.
 */
export function faultIn(schema: z.ZodType, value: unknown): string | undefined {
  const { error } = schema.safeParse(value)
  if (!error) return undefined
  const [issue] = error.issues
  if (saysAll(issue)) return `${issue.path.join('.')} ${issue.message}`
  const json = schemaAt(jsonSchemaOf(schema), issue.path)
  if (issue.code === 'unrecognized_keys') {
    const names = Object.keys(json.properties ?? {})
    const expected = names.length > 0 ? `expected one of ${names.join(', ')}` : 'none is expected'
    return `there is no ${[...issue.path, issue.keys[0]].join('.')}: ${expected}`
  }
  const name = issue.path.join('.') || 'the whole'
  const expected = expectationOf(json)
  const got = shown(issue.path.reduce((at: unknown, key) => (at as Record<PropertyKey, unknown>)[key], value))
  return expected === undefined ? `${name}: ${issue.message}, got ${got}` : `${name} must be ${expected}, got ${got}`
}

/** Whether a check beyond the type says itself what is expected and what came: `must be …, got …`. */
export function saysAll({ code, message }: Pick<z.core.$ZodIssue, 'code' | 'message'>): boolean {
  return code === 'custom' && message.startsWith('must be ')
}

/** The error of a schema for what must be `expected`. */
export function mustBe(expected: string) {
  return { error: ({ input }: { readonly input?: unknown }) => `must be ${expected}, got ${asGiven(input)}` }
}

/** One of `names`. */
export function oneOf<const Name extends string>(names: readonly Name[]) {
  return z.enum(names, mustBe(anyOf(names)))
}

function anyOf(names: readonly unknown[]): string {
  return names.length === 2 ? names.join(' or ') : `one of ${names.join(', ')}`
}

/** What was given as an option, for a message: text as it stands. */
export function asGiven(value: unknown): string {
  return value === '' ? 'nothing' : `${value}`
}

/** What `schema` takes, as JSON Schema. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
}

/** What is accepted, for people: `a whole number from 1 to 1024`. Undefined where the schema says more than that. */
export function expectationOf({ enum: choices, type, pattern, ...range }: JsonSchema): string | undefined {
  if (choices) return anyOf(choices)
  if (type === 'integer') {
    const { multipleOf } = range
    return `a whole number${bounds(range)}${multipleOf === undefined ? '' : ` and a multiple of ${multipleOf}`}`
  }
  if (type === 'number') return `a number${bounds(range)}`
  if (type === 'string' && pattern === undefined) return 'a text'
  if (type === 'boolean') return 'true or false'
  if (type === 'array') return 'an array'
  if (
    type === 'object' &&
    typeof range.additionalProperties === 'object' &&
    range.additionalProperties.type === 'number'
  ) {
    return `names, each with ${expectationOf(range.additionalProperties)}`
  }
  if (type === 'object') return 'an object'
  return undefined
}

function bounds({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const least =
    exclusiveMinimum !== undefined ? ` above ${exclusiveMinimum}` : isBound(minimum) ? ` from ${minimum}` : ''
  const most = isBound(maximum) ? ` to ${maximum}` : least && exclusiveMinimum === undefined ? ' on' : ''
  return least + most
}

/** Whole numbers without a bound have those up to which they are exact. */
function isBound(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER
}

function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema {
  return path.reduce<JsonSchema>((at, key) => {
    const next = at.properties?.[String(key)] ?? at.items ?? at.additionalProperties
    return typeof next === 'object' && !Array.isArray(next) ? (next as JsonSchema) : {}
  }, schema)
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
