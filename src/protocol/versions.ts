/** What both sides of a connection agree on. Without imports, since the browser's client reads it, too. */

/** Versions of the protocol that this program speaks, newest first. */
export const protocolVersions = [1] as const

/** Encodings, in order of preference, as WebSocket subprotocols. */
export const subprotocols = ['aurochs.v1.msgpack', 'aurochs.v1.json'] as const
export type Subprotocol = (typeof subprotocols)[number]

/** What this program can do: `welcome` and `hello` name these. */
export const features = ['methods', 'similar', 'undo', 'generation', 'catalogue', 'sources', 'impressions'] as const
