/** What keeps files mapped until it is closed. */
export interface Closable {
  close(): void
}

/** What `use` makes of `resource`, which is closed if that fails. */
export function closedOnError<Resource extends Closable, Result>(
  resource: Resource,
  use: (resource: Resource) => Result,
): Result {
  try {
    return use(resource)
  } catch (error) {
    resource.close()
    throw error
  }
}
