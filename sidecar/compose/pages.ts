const pageSize = 500;

/** Everything that a store lists, page by page. */
export async function* pages<T extends { readonly id: string }>(
  read: (page: { readonly after: string | undefined; readonly limit: number }) => Promise<readonly T[]>,
): AsyncGenerator<readonly T[], void> {
  let after: string | undefined;
  do {
    const page: readonly T[] = await read({ after, limit: pageSize });
    yield page;
    after = page.length < pageSize ? undefined : page.at(-1)?.id;
  } while (after !== undefined);
}
