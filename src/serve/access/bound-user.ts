import { type MethodName, methods } from '../../protocol/methods.ts'

/**
 * `params` of a method that is about users, with `user` where they leave theirs out, also in the events that they hold: the
 * one that the caller is bound to, if it is to one. They need not be checked before.
 */
export function withBoundUser(name: MethodName, params: unknown, user: string | undefined): unknown {
  if (user === undefined || typeof methods[name].access !== 'function' || !isMap(params)) return params
  const { events } = params
  const filled = withUser(params, user) as object
  return Array.isArray(events) ? { ...filled, events: events.map(event => withUser(event, user)) } : filled
}

function withUser(value: unknown, user: string): unknown {
  return isMap(value) && value.user === undefined ? { ...value, user } : value
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
