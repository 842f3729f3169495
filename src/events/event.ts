/** What a user did, or the taking back of it. Users and items stand in it by id: it outlives every model. */
export interface UserEvent {
  /** Unique to the user. */
  readonly id: string
  readonly user: string
  /** Absent where `undo` is given. */
  readonly item?: string | undefined
  /** Not 0; negative lowers what the user has of the item. */
  readonly weight: number
  /** When it happened, in ms since 1970 (UTC). */
  readonly time: number
  /** `play`, `buy` and so on. */
  readonly kind?: string | undefined
  /** Id of the list that showed the item. */
  readonly list?: string | undefined
  /** Id of the event of the same user that this one takes back. */
  readonly undo?: string | undefined
}

/** What a user did lately. */
export interface UserEvents {
  /** In order of arrival, oldest first. */
  readonly events: readonly UserEvent[]
  /** Whether older ones were left out, being too many. */
  readonly isCut: boolean
}
