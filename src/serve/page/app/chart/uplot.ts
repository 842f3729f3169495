import type UPlot from 'uplot'

let library: Promise<typeof UPlot> | undefined

/** uPlot, which is loaded when the first chart is drawn. */
export function chartLibrary(): Promise<typeof UPlot> {
  const address = new URL('../../../../uplot.js', import.meta.url).href
  library ??= import(address).then(({ default: uPlot }: { default: typeof UPlot }) => uPlot)
  return library
}
