/** An API key or a token, or what gives one: asked anew for each connection, so that a token may expire meanwhile. */
export type KeySource = string | (() => string | Promise<string>)
