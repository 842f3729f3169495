/** An id for a user that nobody is likely to have. */
export function newUser(): string {
  return `visitor-${randomText(4)}`
}

/** An id for an event that no other event of the user has, whoever sends it. */
export function newEventId(): string {
  return `page-${randomText(16)}`
}

function randomText(length: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), byte => (byte % 36).toString(36)).join('')
}
