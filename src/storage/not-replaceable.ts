/** Something is at a place that may not be taken. */
export class NotReplaceableError extends Error {}
