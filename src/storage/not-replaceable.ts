/** What is at a place may not be replaced by what is to be written there; the message says what may be done. */
export class NotReplaceableError extends Error {}
