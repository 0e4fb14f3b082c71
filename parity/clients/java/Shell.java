import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of programs one after the other in one virtual machine, since to start one takes longer than most
 * of what the tools do. Each program finds its classes, those in the jars that are given, as new.
 *
 * A command comes on standard input as a number of words, the words, the first of which is the class, and what the program
 * reads; its answer is the exit code, what it wrote to standard output, and what it wrote to standard error.
 */
public class Shell {
    static class Exited extends Error {
        final int code;

        Exited(int code) {
            super("exit " + code, null, false, false);
            this.code = code;
        }
    }

    public static void main(String[] jars) throws Exception {
        DataInputStream in = new DataInputStream(System.in);
        DataOutputStream out = new DataOutputStream(System.out);
        URL[] urls = new URL[jars.length];
        for (int i = 0; i < jars.length; i++) {
            urls[i] = Path.of(jars[i]).toUri().toURL();
        }
        while (true) {
            String[] words;
            try {
                words = new String[in.readInt()];
            } catch (EOFException e) {
                System.exit(0);
                return;
            }
            for (int i = 0; i < words.length; i++) {
                words[i] = new String(read(in), "UTF-8");
            }
            InputStream stdin = new ByteArrayInputStream(read(in));
            ByteArrayOutputStream stdout = new ByteArrayOutputStream();
            ByteArrayOutputStream stderr = new ByteArrayOutputStream();
            System.setIn(stdin);
            System.setOut(new PrintStream(stdout, true, "UTF-8"));
            System.setErr(new PrintStream(stderr, true, "UTF-8"));
            int code = run(urls, words);
            System.out.flush();
            System.err.flush();
            out.writeInt(code);
            write(out, stdout.toByteArray());
            write(out, stderr.toByteArray());
            out.flush();
        }
    }

    static int run(URL[] urls, String[] words) {
        int[] exit = {-1};
        Exit.Procedure leave = (code, message) -> {
            if (exit[0] < 0) {
                exit[0] = code;
            }
            throw new Exited(code);
        };
        Exit.setExitProcedure(leave);
        Exit.setHaltProcedure(leave);
        List<Runnable> hooks = new ArrayList<>();
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        String[] args = new String[words.length - 1];
        System.arraycopy(words, 1, args, 0, args.length);
        try (URLClassLoader loader = new URLClassLoader(urls, Shell.class.getClassLoader())) {
            Thread.currentThread().setContextClassLoader(loader);
            loader.loadClass(words[0]).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof Exited)) {
                e.getCause().printStackTrace();
                return 1;
            }
        } catch (Exception e) {
            e.printStackTrace();
            return 1;
        } finally {
            hooks.forEach(Runnable::run);
        }
        return Math.max(exit[0], 0);
    }

    static byte[] read(DataInputStream in) throws Exception {
        byte[] b = new byte[in.readInt()];
        in.readFully(b);
        return b;
    }

    static void write(DataOutputStream out, byte[] b) throws Exception {
        out.writeInt(b.length);
        out.write(b);
    }
}
