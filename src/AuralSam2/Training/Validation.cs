using AuralSam2.Data;
using AuralSam2.Metrics;

namespace AuralSam2.Training;

/// <summary>Scores a learner on clips that it does not learn from, by the protocol of SPEC 12.</summary>
internal static class Validation
{
    /// <summary>Scores all clips in order.</summary>
    /// <param name="learner">What predicts.</param>
    /// <param name="data">Clips.</param>
    /// <param name="size">Edge of the model's input in pixels.</param>
    /// <param name="progress">Told the number of clips after each.</param>
    /// <param name="cancellation">Ends it between frames.</param>
    /// <exception cref="TrainingException">The model predicts what is no number.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static Scores Run(ILearner learner, ClipDataset data, int size, Action<int> progress, CancellationToken cancellation)
    {
        var board = new ScoreBoard(ScoreProtocol.Of(data.Kind, size));
        var loader = new ClipLoader(size, ClipPurpose.Evaluation);
        foreach (var clip in ClipPrefetcher.Read(loader, data.InOrder(), cancellation: cancellation))
        {
            var frames = new List<FrameCounts>();
            foreach (var (labels, answer) in clip.Labels.Zip(learner.Predict(clip, cancellation)))
            {
                if (labels is null) continue;
                if (answer.Masks.AsSpan().Contains(float.NaN) || answer.Ious.AsSpan().Contains(float.NaN))
                    throw new TrainingException($"the model predicts NaN for {clip.Entry.Uid}: begin again with a lower --lr");
                var choice = MaskChoice.Of(board.Protocol.Decode, answer.Ious, answer.ObjectLogit);
                frames.Add(new FrameCounts(choice.Take(answer.Masks), labels));
            }

            board.Add(clip.Entry.Uid, clip.Entry.IsNull, frames);
            progress(board.Clips.Count);
        }

        return board.Result();
    }
}
