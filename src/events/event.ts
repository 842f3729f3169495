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
  /** Id of the event of the same user that this one takes back; if that is an undo, what it took back counts again. */
  readonly undo?: string | undefined
}
