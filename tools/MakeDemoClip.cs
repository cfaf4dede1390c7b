#!/usr/bin/env dotnet
#:package SkiaSharp
#:package SkiaSharp.NativeAssets.Linux.NoDependencies
#:property PublishAot=false

// Makes the sample clip of `aural segment --demo`: a brass hand bell rings its way across a table towards a silent vase, and its
// sound moves from the left channel to the right with it. Five frames of 480 x 320 at one per second, five seconds of stereo sound.
//
//     dotnet run tools/MakeDemoClip.cs            writes src/AuralSam2.Cli/Demo
//
// Everything follows from the numbers below: there is no randomness, and a second run writes the same files.

using System.Numerics;
using SkiaSharp;

const int frames = 5;
var folder = args.Length > 0 ? args[0] : Path.Combine("src", "AuralSam2.Cli", "Demo");
Directory.CreateDirectory(Path.Combine(folder, "frames"));
for (var i = 0; i < frames; i++) Picture.Write(Path.Combine(folder, "frames", $"{i}.png"), Bell.At(i));
Sound.Write(Path.Combine(folder, "sound.wav"), frames);

/// <summary>Where the bell is, for eye and ear alike.</summary>
internal readonly record struct Bell(float X, float Tilt, float Lift)
{
    /// <summary>Place at a time in seconds: it travels from left to right and swings once a second.</summary>
    public static Bell At(double seconds)
    {
        var swing = Math.Cos(Math.PI * seconds);
        return new Bell((float)(-1.02 + 0.34 * seconds), (float)(-0.30 * swing), (float)(0.10 + 0.06 * swing * swing));
    }
}

/// <summary>The scene, by sphere tracing of distance functions.</summary>
internal static class Picture
{
    private const int Width = 480;
    private const int Height = 320;

    private static readonly Vector3 Eye = new(0, 1.35f, 4.7f);
    private static readonly Vector3 Light = Vector3.Normalize(new Vector3(-0.55f, 0.95f, 0.62f));
    private static readonly Vector2[] Samples = [new(0.125f, 0.625f), new(0.375f, 0.125f), new(0.625f, 0.875f), new(0.875f, 0.375f)];

    private enum Thing
    {
        Wall,
        Table,
        Brass,
        Handle,
        Vase,
    }

    public static void Write(string path, Bell bell)
    {
        using var bitmap = new SKBitmap(Width, Height, SKColorType.Rgb888x, SKAlphaType.Opaque);
        var colors = new SKColor[Width * Height];
        Parallel.For(0, Height, y =>
        {
            for (var x = 0; x < Width; x++)
            {
                var sum = Vector3.Zero;
                foreach (var s in Samples) sum += Trace((x + s.X - Width / 2f) / Height, -(y + s.Y - Height / 2f) / Height, bell);
                colors[y * Width + x] = Encode(sum / Samples.Length, new Vector2(x - Width / 2f, y - Height / 2f).Length() / Width);
            }
        });
        bitmap.Pixels = colors;
        using var file = File.Create(path);
        bitmap.Encode(file, SKEncodedImageFormat.Png, 100);
    }

    private static Vector3 Trace(float u, float v, Bell bell)
    {
        var forward = Vector3.Normalize(new Vector3(0, 0.62f, 0) - Eye);
        var right = Vector3.Normalize(Vector3.Cross(forward, Vector3.UnitY));
        var ray = Vector3.Normalize(1.75f * forward + u * right + v * Vector3.Cross(right, forward));
        var distance = 2.5f;
        for (var step = 0; step < 160; step++)
        {
            var (d, thing) = Nearest(Eye + distance * ray, bell);
            if (d < 0.0008f * distance) return Shade(Eye + distance * ray, ray, thing, bell);
            distance += d;
        }

        return Shade(Eye + distance * ray, ray, Thing.Wall, bell);
    }

    private static (float Distance, Thing Thing) Nearest(Vector3 p, Bell bell)
    {
        var best = (Distance: p.Y, Thing: Thing.Table);
        Consider(p.Z + 1.9f, Thing.Wall);
        Consider(Vase(p - new Vector3(1.28f, 0, -0.15f)), Thing.Vase);

        // The bell swings about the hand that holds its handle.
        var q = p - new Vector3(bell.X, bell.Lift + 1.25f, 0.1f);
        var (sin, cos) = MathF.SinCos(bell.Tilt);
        q = new Vector3(cos * q.X + sin * q.Y, cos * q.Y - sin * q.X + 1.25f, q.Z);
        Consider(Brass(q), Thing.Brass);
        Consider(Handle(q), Thing.Handle);
        return best;

        void Consider(float distance, Thing thing)
        {
            if (distance < best.Distance) best = (distance, thing);
        }
    }

    private static float Brass(Vector3 p)
    {
        if (Beyond(p, 0.45f, 0.75f) is var far && far > 0.6f) return far;
        var y = Math.Clamp(p.Y / 0.78f, 0, 1);
        // Flared mouth, straight waist, round shoulder.
        var radius = 0.27f + 0.20f * MathF.Pow(1 - y, 3.2f) - 0.27f * MathF.Pow(y, 9);
        var lip = 0.018f * MathF.Exp(-MathF.Pow((p.Y - 0.035f) / 0.03f, 2)) + 0.010f * MathF.Exp(-MathF.Pow((p.Y - 0.17f) / 0.012f, 2));
        var side = new Vector2(p.X, p.Z).Length() - radius - lip;
        return 0.6f * MathF.Max(side, MathF.Max(-p.Y, p.Y - 0.79f));
    }

    private static float Handle(Vector3 p)
    {
        if (Beyond(p, 1.1f, 0.5f) is var far && far > 0.6f) return far;
        var y = Math.Clamp((p.Y - 0.78f) / 0.5f, 0, 1);
        var radius = 0.052f + 0.028f * MathF.Sin(MathF.PI * MathF.Pow(y, 0.8f));
        var grip = 0.7f * MathF.Max(new Vector2(p.X, p.Z).Length() - radius, MathF.Max(0.74f - p.Y, p.Y - 1.28f));
        return MathF.Min(grip, (p - new Vector3(0, 1.31f, 0)).Length() - 0.075f);
    }

    private static float Vase(Vector3 p)
    {
        if (Beyond(p, 0.55f, 0.85f) is var far && far > 0.6f) return far;
        var y = Math.Clamp(p.Y / 1.12f, 0, 1);
        var radius = 0.19f + 0.23f * MathF.Sin(MathF.PI * MathF.Pow(y, 0.72f)) - 0.06f * y + 0.10f * MathF.Pow(y, 14);
        return 0.55f * MathF.Max(new Vector2(p.X, p.Z).Length() - radius, p.Y - 1.12f);
    }

    /// <summary>Distance to a ball that encloses a thing: far away it stands for the thing itself.</summary>
    private static float Beyond(Vector3 p, float middle, float radius) => (p - new Vector3(0, middle, 0)).Length() - radius;

    private static Vector3 Shade(Vector3 p, Vector3 ray, Thing thing, Bell bell)
    {
        var normal = Normal(p, bell);
        var lit = Math.Max(0, Vector3.Dot(normal, Light)) * Shadow(p + 0.01f * normal, bell);
        var ambient = (0.42f + 0.26f * normal.Y) * Occlusion(p, normal, bell);
        var (color, gloss, mirror) = Material(p, thing);
        var bounce = Vector3.Reflect(ray, normal);
        var highlight = MathF.Pow(Math.Max(0, Vector3.Dot(bounce, Light)), gloss) * lit;
        var fresnel = mirror + (1 - mirror) * 0.5f * MathF.Pow(1 - Math.Max(0, -Vector3.Dot(ray, normal)), 5);
        var tint = thing == Thing.Brass ? color : Vector3.One;
        var reflected = thing is Thing.Brass or Thing.Vase ? fresnel * tint * Room(bounce) : Vector3.Zero;
        var sun = new Vector3(1.75f, 1.55f, 1.28f);
        var sky = new Vector3(0.62f, 0.70f, 0.85f);
        return color * (1 - mirror) * (lit * sun + ambient * sky) + reflected + highlight * mirror * 3 * sun;
    }

    private static (Vector3 Color, float Gloss, float Mirror) Material(Vector3 p, Thing thing) => thing switch
    {
        Thing.Brass => (new Vector3(0.95f, 0.64f, 0.22f), 60, 0.62f),
        Thing.Handle => (new Vector3(0.20f, 0.075f, 0.04f), 30, 0.06f),
        Thing.Vase => (VaseGlaze(p), 90, 0.10f),
        Thing.Table => (Wood(p), 20, 0.03f),
        _ => (Plaster(p), 4, 0),
    };

    private static Vector3 VaseGlaze(Vector3 p) =>
        Vector3.Lerp(new Vector3(0.10f, 0.26f, 0.44f), new Vector3(0.80f, 0.80f, 0.74f), Smooth(0.86f, 0.92f, p.Y + 0.02f * MathF.Sin(9 * p.X)));

    /// <summary>Boards along the depth of the table, each with its own tone and a slow grain.</summary>
    private static Vector3 Wood(Vector3 p)
    {
        var board = MathF.Floor(p.X / 0.62f + 100);
        var across = p.X / 0.62f + 100 - board;
        var tone = 0.5f + 0.5f * MathF.Sin(board * 12.9f);
        var grain = MathF.Sin(26 * across + 2.2f * MathF.Sin(1.7f * p.Z + board) + 7 * tone) * MathF.Sin(9 * across + 0.9f * p.Z + 3 * board);
        var color = Vector3.Lerp(new Vector3(0.36f, 0.19f, 0.095f), new Vector3(0.50f, 0.28f, 0.14f), 0.55f * tone + 0.25f + 0.2f * grain);
        return color * (0.45f + 0.55f * Smooth(0, 0.025f, MathF.Min(across, 1 - across)));
    }

    private static Vector3 Plaster(Vector3 p)
    {
        var cloud = MathF.Sin(1.3f * p.X + 1.1f * MathF.Sin(1.9f * p.Y)) * MathF.Sin(1.7f * p.Y + 0.8f * MathF.Sin(2.3f * p.X));
        var stripe = 0.5f + 0.5f * MathF.Sin(9.5f * p.X);
        return new Vector3(0.31f, 0.38f, 0.35f) * (0.92f + 0.05f * cloud + 0.08f * Smooth(0.42f, 0.58f, stripe));
    }

    /// <summary>What shiny things mirror: a bright window on the left, a warm table below, a dim room.</summary>
    private static Vector3 Room(Vector3 direction)
    {
        var room = Vector3.Lerp(new Vector3(0.38f, 0.22f, 0.12f), new Vector3(0.34f, 0.40f, 0.46f), Smooth(-0.25f, 0.25f, direction.Y));
        var side = Smooth(0.10f, 0.02f, MathF.Abs(direction.X + 0.62f) - 0.16f) * Smooth(0.12f, 0.02f, MathF.Abs(direction.Y - 0.35f) - 0.34f);
        var sash = 1 - 0.7f * Smooth(0.03f, 0.01f, MathF.Abs(direction.X + 0.62f));
        return room + side * sash * new Vector3(2.3f, 2.2f, 2.0f);
    }

    private static Vector3 Normal(Vector3 p, Bell bell)
    {
        const float e = 0.002f;
        var n = Vector3.Zero;
        foreach (var k in (Vector3[])[new(1, -1, -1), new(-1, -1, 1), new(-1, 1, -1), new(1, 1, 1)]) n += k * Nearest(p + e * k, bell).Distance;
        return Vector3.Normalize(n);
    }

    private static float Shadow(Vector3 p, Bell bell)
    {
        const float softness = 7;
        var light = 1f;
        for (var t = 0.03f; t < 4;)
        {
            var d = Nearest(p + t * Light, bell).Distance;
            light = MathF.Min(light, softness * d / t);
            if (light < 0.005f) return 0;
            t += Math.Clamp(d, 0.02f, 0.25f);
        }

        return light;
    }

    private static float Occlusion(Vector3 p, Vector3 normal, Bell bell)
    {
        var hidden = 0f;
        for (var i = 1; i <= 5; i++) hidden += (0.07f * i - Nearest(p + 0.07f * i * normal, bell).Distance) / MathF.Pow(1.6f, i);
        return Math.Clamp(1 - 1.6f * hidden, 0.15f, 1);
    }

    private static SKColor Encode(Vector3 color, float fromCenter)
    {
        color *= 0.52f * (1 - 0.7f * fromCenter * fromCenter);
        return new SKColor(Channel(color.X), Channel(color.Y), Channel(color.Z));

        // Filmic curve (Narkowicz 2015), then gamma.
        static byte Channel(float c)
        {
            var film = c * (2.51f * c + 0.03f) / (c * (2.43f * c + 0.59f) + 0.14f);
            return (byte)MathF.Round(255 * MathF.Pow(Math.Clamp(film, 0, 1), 1 / 2.2f));
        }
    }

    private static float Smooth(float from, float to, float x)
    {
        var t = Math.Clamp((x - from) / (to - from), 0, 1);
        return t * t * (3 - 2 * t);
    }
}

/// <summary>The bell's sound: Risset's additive bell (1969), panned by the bell's place.</summary>
internal static class Sound
{
    private const int Rate = 16000;
    private const double Pitch = 620;
    private const double StrikeSeconds = 0.5;

    /// <summary>Frequency as a multiple of the pitch, beating in Hz, loudness, and decay relative to the lowest partial.</summary>
    private static readonly (double Ratio, double Beat, double Loudness, double Decay)[] Partials =
    [
        (0.56, 0, 1, 1), (0.56, 1, 0.67, 0.9), (0.92, 0, 1, 0.65), (0.92, 1.7, 1.8, 0.55), (1.19, 0, 2.67, 0.325), (1.7, 0, 1.67, 0.35),
        (2, 0, 1.46, 0.25), (2.74, 0, 1.33, 0.2), (3, 0, 1.33, 0.15), (3.76, 0, 1, 0.1), (4.07, 0, 1.33, 0.075),
    ];

    public static void Write(string path, int seconds)
    {
        var sound = new double[seconds * Rate, 2];
        for (var strike = 0; strike * StrikeSeconds < seconds; strike++) Strike(sound, strike * StrikeSeconds + 0.04, strike % 2 == 0 ? 1 : 0.55);

        using var file = new BinaryWriter(File.Create(path));
        var bytes = seconds * Rate * 4;
        file.Write("RIFF"u8);
        file.Write(36 + bytes);
        file.Write("WAVEfmt "u8);
        file.Write(16);
        file.Write((short)1);
        file.Write((short)2);
        file.Write(Rate);
        file.Write(Rate * 4);
        file.Write((short)4);
        file.Write((short)16);
        file.Write("data"u8);
        file.Write(bytes);
        for (var i = 0; i < seconds * Rate; i++)
            for (var channel = 0; channel < 2; channel++) file.Write((short)Math.Round(32000 * Math.Tanh(0.062 * sound[i, channel])));
    }

    private static void Strike(double[,] sound, double at, double strength)
    {
        const double decaySeconds = 1.4;
        // Equal power, from nearly left to nearly right: a real pair of microphones never hears a bell on one side only.
        var angle = Math.PI / 2 * (Bell.At(at).X + 1.22) / 1.95;
        var (right, left) = Math.SinCos(angle);
        for (var i = (int)(at * Rate); i < sound.GetLength(0); i++)
        {
            var t = (double)i / Rate - at;
            if (t < 0) continue;
            var value = 0.0;
            foreach (var (ratio, beat, loudness, decay) in Partials)
                value += loudness * Math.Exp(-6.9 * t / (decaySeconds * decay)) * Math.Sin(2 * Math.PI * (Pitch * ratio + beat) * t);
            value *= strength * Math.Min(1, t / 0.002);
            sound[i, 0] += left * value;
            sound[i, 1] += right * value;
        }
    }
}
