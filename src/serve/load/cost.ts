/**
 * What a message costs, in units: one is about what the server does for an event, its ack and the lists that show it. A
 * list of 1,000 items takes about twenty times the time of one of 10, and so on.
 */
import type { MethodName, Params } from '../../protocol/methods.ts'
import type { Query } from '../../protocol/values.ts'

/** Bytes that are read for a unit beyond the first. */
const bytesPerUnit = 4096
/** Of a message that is refused for what is wrong with it, beside its own: the error that says so is made and sent. */
export const errorCost = 20

/** Of a message before it is read. */
export function messageCost(bytes: number): number {
  return 1 + Math.floor(bytes / bytesPerUnit)
}

/** Of what a method does, beside the message. Probes go on whoever asks for what: they are not counted. */
export function callCost<Name extends MethodName>(name: Name, params: Params<Name>): number {
  return costs[name]?.(params) ?? 0
}

/** Of the first list of a subscription. */
export function queryCost(query: Query): number {
  return query.kind === 'user' ? listCost(query.limit) : similarCost(query.limit)
}

/** Methods that cost nothing, not even as a message. */
export const probes: ReadonlySet<string> = new Set<MethodName>(['health', 'ready'])

const costs: { readonly [Name in MethodName]?: (params: Params<Name>) => number } = {
  metrics: () => 20,
  recommend: ({ limit }) => listCost(limit),
  // Lists that are ranked together cost less each.
  recommend_batch: ({ users, limit }) => Math.ceil((users.length * (1 + listCost(limit))) / 4),
  similar: ({ limit }) => similarCost(limit),
  record_batch: ({ events }) => Math.ceil(events.length / 4),
  models: () => 50,
  // As many rows are looked at.
  examples: ({ limit }) => Math.floor((limit * 20) / 50),
}

function listCost(limit: number): number {
  return Math.floor(limit / 50)
}

function similarCost(limit: number): number {
  return 5 + Math.floor(limit / 20)
}
