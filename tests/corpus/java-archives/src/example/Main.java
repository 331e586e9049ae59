package example;

/** Says hello. */
public class Main {
    /** Hello. */
    public static void main(String[] arguments) {
        System.out.println("Hello from a jar");
    }
}
