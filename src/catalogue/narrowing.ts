/** Which items a list may have, by what the catalogue says of them. */
export interface Narrowing {
  /** Items with any of these tags. */
  readonly tags?: readonly string[] | undefined
  /** Items with all of these tags. */
  readonly allTags?: readonly string[] | undefined
  /** Items with none of these tags; those that the catalogue lacks are among them. */
  readonly noTags?: readonly string[] | undefined
  /** Items of any of these categories. */
  readonly categories?: readonly string[] | undefined
}

/** What a narrowing asks for: of what kind labels are, which, and how an item must have them. */
export interface Demand {
  readonly kind: LabelKind
  readonly names: readonly string[]
  readonly needs: 'any' | 'all' | 'none'
}

export type LabelKind = 'tag' | 'category'

/** All of them must be met. */
export function demandsOf({ tags, allTags, noTags, categories }: Narrowing): Demand[] {
  const demand = (kind: LabelKind, needs: Demand['needs'], names: readonly string[] | undefined): Demand[] =>
    names === undefined || (names.length === 0 && needs !== 'any')
      ? []
      : [{ kind, needs, names: [...new Set(names)].sort() }]
  return [
    ...demand('tag', 'any', tags),
    ...demand('tag', 'all', allTags),
    ...demand('tag', 'none', noTags),
    ...demand('category', 'any', categories),
  ]
}

/** The same for narrowings that ask for the same; undefined where nothing is asked for. */
export function narrowingKey(narrowing: Narrowing): string | undefined {
  const demands = demandsOf(narrowing)
  return demands.length === 0
    ? undefined
    : JSON.stringify(demands.map(({ kind, needs, names }) => [kind, needs, names]))
}

/** Whether an item with these labels meets all of `demands`. */
export function meets(
  demands: readonly Demand[],
  { tags, categories }: { readonly tags: readonly string[]; readonly categories: readonly string[] },
): boolean {
  return demands.every(({ kind, needs, names }) => {
    const own = kind === 'tag' ? tags : categories
    if (needs === 'any') return names.some(name => own.includes(name))
    if (needs === 'all') return names.every(name => own.includes(name))
    return !names.some(name => own.includes(name))
  })
}
