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

/** Whether `text` can be kept and compared as it is: no half of a surrogate pair, no NUL. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** @throws TypeError where `event` is none that can be recorded, naming the field. */
export function assertRecordable({ user, id, item, weight, time, kind, list, undo }: UserEvent): void {
  const texts = Object.entries({ user, id, item, kind, list, undo })
  const odd = texts.find(([, text]) => text !== undefined && !(typeof text === 'string' && text && isStorable(text)))
  if (odd)
    throw new TypeError(`the event's ${odd[0]} must be text, not empty, without NUL and half surrogates, got ${odd[1]}`)
  if (user === undefined || id === undefined) throw new TypeError('an event must have a user and an id')
  if ((item === undefined) === (undo === undefined)) {
    throw new TypeError('an event must have an item, or undo with the id of the event to take back, and not both')
  }
  if (!Number.isFinite(weight) || Math.fround(weight) === 0 || !Number.isFinite(Math.fround(weight))) {
    throw new TypeError(`the event's weight must be a number in single precision and not 0, got ${weight}`)
  }
  if (!Number.isSafeInteger(time)) throw new TypeError(`the event's time must be whole ms since 1970, got ${time}`)
}
