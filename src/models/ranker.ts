/** Stands for a user whom the training never saw, and fills lists that are shorter than asked for. */
export const NONE = 0xffff_ffff

/**
 * What evaluation asks of any model: to order all items for a user. Users and items are indices into the dataset that
 * it was trained on.
 */
export interface Ranker {
  /** Number of items that it chooses from. */
  readonly items: number
  /**
   * The best `limit` items for each of `users`, best first, without those that the user has in the training:
   * (users × limit), padded with {@link NONE}. Ties go to the lower index, the more popular item. The user
   * {@link NONE} gets what a newcomer would.
   */
  rank(users: Uint32Array, limit: number): Promise<Uint32Array>
}
