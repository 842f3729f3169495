/** A fenced block of a Markdown file. */
export interface Block {
  readonly language: string
  readonly text: string
  /** Of its first line, from 1. */
  readonly line: number
  /** Why it is not run, where `<!-- not run: REASON -->` stands before it. */
  readonly notRun: string | undefined
}

export function blocksOf(markdown: string): Block[] {
  const fenced = /(?:<!-- not run: (?<notRun>.+?) -->\s*)?^```(?<language>\w+)\n(?<text>[\s\S]*?)^```$/gm
  return [...markdown.matchAll(fenced)].map(({ index, 0: whole, groups }) => ({
    language: groups!.language!,
    text: groups!.text!,
    line: markdown.slice(0, index + whole.indexOf('```')).split('\n').length + 1,
    notRun: groups!.notRun,
  }))
}

/** The paths that a Markdown file names: relative links, and in backticks files and what lies in a folder of ours. */
export function pathsOf(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '')
  const links = [...prose.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path!)
  const ours = /`((?:src|crates|test|bench|\.ci)\/[\w./-]+|(?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|rs))`/g
  return [...new Set([...links, ...[...prose.matchAll(ours)].map(([, path]) => path!)])]
}
