/** What is known of an article when it is decided whether it is pushed. */
export interface PushArticle {
  /** The item's id. */
  readonly id: string
  readonly title: string
  readonly body?: string | undefined
  readonly category?: string | undefined
  /** In ms since 1970. */
  readonly createdAt: number
  /** Where a click leads. */
  readonly url?: string | undefined
  /** Other values for the slots of title templates. */
  readonly values?: Readonly<Record<string, string>> | undefined
}
