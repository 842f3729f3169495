/** One section of the page, at `#/NAME`. */
export interface Tab {
  readonly name: string
  readonly title: string
  readonly section: HTMLElement
  /** It is in view from now on; `rest`: what follows its name in the address. */
  show(rest: string): void
  /** It is not in view any more. */
  hide(): void
}
