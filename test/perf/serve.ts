/** What a helper can do. */
export type Deeds = Readonly<Record<string, (...args: never[]) => unknown>>
/** One question to a helper, and what it says to it. */
export type Asked = { readonly deed: string; readonly args: readonly unknown[] }
export type Said = { readonly value: unknown } | { readonly error: string }

/** In the helper: does what it is asked, one after the other, and ends with its parent. */
export function serve(deeds: Deeds): void {
  process.on('disconnect', () => process.exit(0))
  process.on('message', (asked: Asked) => {
    void answer(deeds, asked).then((said) => process.send!(said))
  })
}

async function answer(deeds: Deeds, { deed, args }: Asked): Promise<Said> {
  try {
    const wanted = deeds[deed] as ((...args: readonly unknown[]) => unknown) | undefined
    if (wanted === undefined) throw new Error(`no deed ${deed}`)
    return { value: (await wanted(...args)) ?? null }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
