namespace AuralSam2.Data;

/// <summary>Reads clips ahead on threads of its own, so that loading and decoding overlap with what is done with them.</summary>
public static class ClipPrefetcher
{
    /// <summary>Reads clips in order; at most <paramref name="ahead"/> are being read or wait, besides the one handed out.</summary>
    /// <param name="loader">Reads them.</param>
    /// <param name="requests">Clips in order; taken one by one as there is room.</param>
    /// <param name="ahead">Clips that are read at the same time, each by a thread of its own, at least 1.</param>
    /// <param name="cancellation">Ends reading.</param>
    /// <returns>
    /// Reading begins with the enumeration; when that ends, early or not, no thread is left. An error of a clip (its message names the file)
    /// is thrown where the clip would have been handed out.
    /// </returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static IEnumerable<LoadedClip> Read(
        ClipLoader loader, IEnumerable<ClipRequest> requests, int ahead = 2, CancellationToken cancellation = default) =>
        Read(requests, loader.Load, ahead, cancellation);

    /// <summary>The same for anything that is loaded.</summary>
    internal static IEnumerable<TResult> Read<TRequest, TResult>(
        IEnumerable<TRequest> requests, Func<TRequest, CancellationToken, TResult> load, int ahead, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ahead, 1);
        return Enumerate();

        IEnumerable<TResult> Enumerate()
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            using var source = requests.GetEnumerator();
            var underWay = new Queue<Task<TResult>>(ahead);
            try
            {
                Fill();
                while (underWay.TryDequeue(out var next))
                {
                    cancellation.ThrowIfCancellationRequested();
                    var result = next.GetAwaiter().GetResult();
                    Fill();
                    yield return result;
                }
            }
            finally
            {
                ending.Cancel();
                Task.WhenAll(underWay).ContinueWith(_ => { }, TaskScheduler.Default).Wait(CancellationToken.None);
            }

            void Fill()
            {
                while (underWay.Count < ahead && source.MoveNext()) underWay.Enqueue(Begin(source.Current));
            }

            // A pool thread that decodes for seconds would hold up whatever else waits for the pool.
            Task<TResult> Begin(TRequest request) => Task.Factory.StartNew(
                () => load(request, ending.Token), ending.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
    }
}
